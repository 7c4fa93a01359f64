// A Tiptap editor on a device's document: its nodes and marks are Yjs XML types.
//
// An editor needs a browser. Its names become global when the first editor opens, so only tests of
// editors have a host with them: stock clients look for `window`, too.

const NAMES = ['document', 'navigator', 'MutationObserver', 'Node', 'Element', 'HTMLElement', 'DOMParser', 'innerHeight', 'innerWidth']
const VERBS = ['getComputedStyle', 'getSelection', 'requestAnimationFrame', 'cancelAnimationFrame']

async function makeBrowser() {
  if (globalThis.window !== undefined) return
  const { Window } = await import('happy-dom')
  const window = new Window()
  globalThis.window = window
  for (const name of NAMES) globalThis[name] ??= window[name]
  for (const verb of VERBS) globalThis[verb] ??= window[verb].bind(window)
}

/** Opens an editor as Tiptap's guide to collaboration sets it up, with tables. */
export async function openEditor(doc) {
  await makeBrowser()
  const { Editor } = await import('@tiptap/core')
  const { default: StarterKit } = await import('@tiptap/starter-kit')
  const { default: Collaboration } = await import('@tiptap/extension-collaboration')
  const { TableKit } = await import('@tiptap/extension-table')
  return new Editor({
    element: document.createElement('div'),
    extensions: [StarterKit.configure({ undoRedo: false }), TableKit, Collaboration.configure({ document: doc })],
  })
}

/** Runs `[name, ...arguments]` commands as one chain; throws if one of them doesn't apply. */
export function runInEditor(editor, steps) {
  const chain = editor.chain()
  for (const [name, ...given] of steps) chain[name](...given)
  if (!chain.run()) throw new Error(`not possible here: ${JSON.stringify(steps)} in ${editor.getHTML()}`)
}

/** Types letter by letter, after the first `at` that is shown or, without it, at the cursor. */
export function typeInEditor(editor, text, at) {
  if (at !== undefined) editor.commands.setTextSelection(endOf(editor, at))
  for (const letter of text) editor.view.dispatch(editor.state.tr.insertText(letter))
}

function endOf(editor, text) {
  let end = null
  editor.state.doc.descendants((node, position) => {
    const found = node.isText ? node.text.indexOf(text) : -1
    if (found >= 0) end ??= position + found + text.length
  })
  if (end === null) throw new Error(`no ${text} in ${editor.getHTML()}`)
  return end
}
