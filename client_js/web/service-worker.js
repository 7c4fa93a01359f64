/*
 * Keeps the shell of the page for when there is no network. What it answers from its cache are the files
 * it was built with, whose names hold their hash; pages are asked for first, and the interface and the
 * sockets under /v1 are never touched.
 */
const FILES = [
  /* files */
]
const PAGES = ['/', '/side-by-side']
const CACHE = `segue ${FILES.join(' ')}`

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll([...PAGES, ...FILES]))
      .then(() => self.skipWaiting()),
  )
})

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names
            .filter((name) => name.startsWith('segue ') && name !== CACHE)
            .map((name) => caches.delete(name)),
        ),
      )
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (FILES.includes(url.pathname)) event.respondWith(fromCache(request))
  else if (request.mode === 'navigate' && PAGES.includes(url.pathname))
    event.respondWith(fromNetwork(request, url.pathname))
})

async function fromCache(request) {
  return (await kept(request)) ?? fetch(request)
}

async function fromNetwork(request, path) {
  try {
    const answer = await fetch(request)
    if (answer.ok) await (await caches.open(CACHE)).put(path, answer.clone())
    return answer
  } catch (error) {
    const page = await kept(path)
    if (page) return page
    throw error
  }
}

/** The server says that answers vary by origin, for its interface's sake; these files don't. */
function kept(what) {
  return caches.match(what, { ignoreVary: true })
}
