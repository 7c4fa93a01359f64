/** One conversation on every device: the client of a Segue server. */
export type { Artifact, Artifacts } from './artifacts'
export { type Client, type ClientOptions, createClient } from './client'
export type { Status, WebSocketClass } from './connection'
export type { Device } from './device'
export type { Entry } from './entries'
export type { FilePart, Files, UploadOptions } from './files'
export type { Home, Listed } from './home'
export { acceptInvitation, type Http, HttpError, type Joined } from './http'
export type {
  Author,
  Message,
  MessageStatus,
  OtherPart,
  Part,
  ReasoningPart,
  SourcePart,
  TextPart,
  ToolPart,
} from './messages'
export { filesOf } from './messages'
export type { Other, Presence, Viewing } from './presence'
export type { Refusal } from './refusals'
export type { Token } from './replica'
export type { Run } from './runs'
export type { SaveState } from './save-state'
export type { SendOptions, Session, SessionTopic } from './session'
export type { Responder, WhileRunning } from './settings'
export { type Aside, MemoryStore, openStore, type Store, type StoreState } from './store'
export { decodePosition, encodePosition, updateText } from './texts'
export { type Identity, readToken } from './token'
