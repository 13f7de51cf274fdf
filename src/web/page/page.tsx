// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The page for browsers: starts here, and is wired here. A program of its own, built by Vite; it
 * sees the contract and base, and reaches its node by the API alone, as anybody's program could.
 */
import './strict-browser.ts'
import { render } from 'preact'
import { fetchTransport } from '../../contract/contract.ts'
import { App } from './app.tsx'
import { browserClock, browserRandom } from './browser.ts'
import { DRAW_GAP_MS, HIDDEN_RENDER_MS } from './limits.ts'
import { emptyPicture, type OnFrame, OwnerKey, Session, Store, takeToken } from './state/state.ts'
import { createUpload } from './upload.ts'

const TICK_MS = 1_000

function start(): void {
  const key = new OwnerKey({ session: drawer('sessionStorage'), lasting: drawer('localStorage') })
  keepToken(key)
  const store = new Store(emptyPicture('guest', browserClock.monotonicMs()), createOnFrame())
  const session = new Session({
    transport: fetchTransport({ base: '', token: () => key.token }),
    upload: createUpload(key),
    clock: browserClock,
    random: browserRandom,
    store,
    key,
  })
  session.start()
  setInterval(() => store.tell({ fact: 'tick', nowMs: browserClock.monotonicMs() }), TICK_MS)
  addEventListener('online', () => session.wake())
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') session.wake()
  })
  // An owner's link that is opened while the page is open already.
  addEventListener('hashchange', () => {
    const token = keepToken(key)
    if (token !== undefined) session.signIn(token, { isOwnDevice: false })
  })
  const place = document.getElementById('page')
  if (place === null) throw new Error('index.html has no #page')
  place.replaceChildren()
  render(<App session={session} preferences={drawer('localStorage')} />, place)
}

/** Out of the address bar before anything else happens, so that it is in no history or screenshot. */
function keepToken(key: OwnerKey): string | undefined {
  const { token, rest } = takeToken(location.hash)
  if (rest !== location.hash) history.replaceState(null, '', `${location.pathname}${rest}`)
  if (token !== undefined) key.keep(token, { isOwnDevice: false })
  return token
}

/** In a quiet hour at the next frame; in a flood with gaps, so that fingers come before figures. */
function createOnFrame(): OnFrame {
  let drawnMs = Number.NEGATIVE_INFINITY
  const drawNext = (draw: () => void): void => {
    requestAnimationFrame(() => {
      drawnMs = performance.now()
      draw()
    })
  }
  return (draw) => {
    const isSeen = document.visibilityState === 'visible'
    const waitMs = drawnMs + DRAW_GAP_MS - performance.now()
    // No frame comes while nobody looks.
    if (!isSeen) setTimeout(draw, HIDDEN_RENDER_MS)
    else if (waitMs > 0) setTimeout(() => drawNext(draw), waitMs)
    else drawNext(draw)
  }
}

/** Where storage is forbidden even its name throws; then nothing is kept. */
function drawer(name: 'sessionStorage' | 'localStorage'): Storage {
  try {
    return globalThis[name]
  } catch {
    return new NoStorage()
  }
}

class NoStorage implements Storage {
  readonly length = 0
  clear(): void {}
  getItem(): null {
    return null
  }
  key(): null {
    return null
  }
  removeItem(): void {}
  setItem(): void {}
}

start()
