// A model's server that answers by script (aimock): says where it listens, and takes its script over HTTP.
import { LLMock } from '@copilotkit/aimock'

const model = new LLMock({ port: 0, host: '127.0.0.1', logLevel: 'silent' })
await model.start()
console.log(model.url)
