import { useState } from 'preact/hooks'
import { signIn } from './account'

/** For who comes without a link. */
export function SignIn({ problem, onSignedIn }: { problem: string; onSignedIn: () => void }) {
  const [text, setText] = useState('')
  const [error, setError] = useState(problem)
  const submit = () => {
    try {
      const link = text.indexOf('#')
      if (link >= 0)
        location.hash = text.trim().slice(link) // it is read as if one had opened it
      else signIn(text.trim())
      onSignedIn()
    } catch (caught) {
      setError(caught instanceof Error ? caught.message : String(caught))
    }
  }
  return (
    <main class="sign-in">
      <img src="/icons/segue.svg" alt="" width="64" height="64" />
      <h1>Segue</h1>
      <p>One conversation, on every device.</p>
      <p>
        Open the sign-in link that you were given, or paste it here. On your own server it is
        printed when it starts; <code>segue token --user NAME</code> makes another one.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <input
          aria-label="Link or token"
          placeholder="Link or token"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
      {error !== '' && (
        <p class="problem" role="alert">
          {error}
        </p>
      )}
    </main>
  )
}
