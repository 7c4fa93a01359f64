import { useCallback, useEffect, useState } from 'preact/hooks'
import { acceptInvitation } from '../src'
import { go, signIn } from './account'

/** Accepts an invitation: at once for who is signed in, with a name for who is not. */
export function Join({ code, token }: { code: string; token: string | undefined }) {
  const [name, setName] = useState('')
  const [problem, setProblem] = useState('')
  const accept = useCallback(
    async (by: { token: string } | { name: string }) => {
      setProblem('')
      try {
        const joined = await acceptInvitation(location.origin, code, by)
        if (joined.token !== undefined) signIn(joined.token)
        go(joined.session)
      } catch (error) {
        setProblem(error instanceof Error ? error.message : String(error))
      }
    },
    [code],
  )
  useEffect(() => {
    if (token !== undefined) void accept({ token })
  }, [accept, token])
  return (
    <main class="sign-in">
      <img src="/icons/segue.svg" alt="" width="64" height="64" />
      <h1>You are invited to a conversation</h1>
      {token === undefined ? (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void accept({ name: name.trim() })
          }}
        >
          <input
            aria-label="Your name"
            placeholder="Your name"
            autocomplete="name"
            required
            maxLength={60}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <button type="submit" class="primary">
            Join
          </button>
        </form>
      ) : (
        <p>{problem === '' ? 'Joining…' : ''}</p>
      )}
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {token !== undefined && problem !== '' && (
        <button type="button" class="quiet" onClick={() => go(undefined)}>
          To your conversations
        </button>
      )}
    </main>
  )
}
