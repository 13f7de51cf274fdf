// SPDX-License-Identifier: AGPL-3.0-or-later
/** The frame around the views: places to go, who one is, and whether the node answers. */
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { AWAY_MS_UNTOLD, NOTICE_MS } from './limits.ts'
import {
  Badge,
  Button,
  Icon,
  IconButton,
  type IconName,
  type Look,
  nodeName,
  type PageContext,
  PageProvider,
  usePage,
  usePicture,
} from './parts/parts.ts'
import {
  type Drawer,
  formatRoute,
  parseRoute,
  type Route,
  type Session,
  type ViewName,
} from './state/state.ts'
import { DropZone, SettingsDialog, View } from './views/views.ts'
import { chooseLanguage, createSpeech, type Language, localeFor } from './words/words.ts'

const LANGUAGE_KEY = 'citynode.language'
const LOOK_KEY = 'citynode.look'

export function App({ session, preferences }: { session: Session; preferences: Drawer }) {
  const [language, setLanguage] = useState(() =>
    chooseLanguage(recall(preferences, LANGUAGE_KEY), navigator.languages),
  )
  const [look, setLook] = useState<Look>(() => asLook(recall(preferences, LOOK_KEY)))
  const [notice, setNotice] = useState('')
  const route = useRoute()
  const speech = useMemo(
    () => createSpeech(language, localeFor(language, navigator.languages)),
    [language],
  )
  useEffect(() => {
    document.documentElement.lang = language
    document.documentElement.dataset['look'] = look
  }, [language, look])
  useEffect(() => {
    if (notice === '') return undefined
    const timer = setTimeout(() => setNotice(''), NOTICE_MS)
    return () => clearTimeout(timer)
  }, [notice])
  const page: PageContext = {
    session,
    speech,
    here: location,
    route,
    look,
    setLook: (next) => {
      remember(preferences, LOOK_KEY, next)
      setLook(next)
    },
    setLanguage: (next: Language) => {
      remember(preferences, LANGUAGE_KEY, next)
      setLanguage(next)
    },
    go: (fragment) => {
      location.hash = fragment
    },
    notify: setNotice,
    signIn: (token, isOwnDevice) => session.signIn(token, { isOwnDevice }),
    signOut: () => {
      session.signOut()
      setNotice(speech.say('owner.signedOut'))
    },
  }
  return (
    <PageProvider value={page}>
      <Frame />
      <div class="notice" role="status" aria-live="polite">
        {notice}
      </div>
    </PageProvider>
  )
}

function Frame() {
  const { speech, route } = usePage()
  const [isSetting, setSetting] = useState(false)
  return (
    <div class="shell">
      <button
        type="button"
        class="skip button"
        onClick={() => document.getElementById('content')?.focus()}
      >
        {speech.say('skipToContent')}
      </button>
      <Top onSettings={() => setSetting(true)} />
      <Places view={route.view} />
      <Content>
        <Away />
        <RefusedToken />
        <View />
      </Content>
      <DropZone />
      {isSetting ? <SettingsDialog onClose={() => setSetting(false)} /> : null}
    </div>
  )
}

function Top({ onSettings }: { onSettings: () => void }) {
  const { speech } = usePage()
  const status = usePicture((picture) => picture.status.value)
  const role = usePicture((picture) => picture.role)
  return (
    <header class="top">
      <a class="brand" href="#/">
        {speech.say('product')}
      </a>
      <span class="place">
        {status === undefined ? null : (
          <>
            <bdi>{nodeName(speech, status)}</bdi>
            <bdi class="city">{status.city}</bdi>
          </>
        )}
      </span>
      {role === 'owner' ? (
        <Badge tone="ok" icon="good">
          {speech.say('owner.badge')}
        </Badge>
      ) : null}
      <IconButton icon="settings" label={speech.say('settings')} onClick={onSettings} />
    </header>
  )
}

const PLACES = ['overview', 'neighbours', 'items', 'machine', 'log'] as const satisfies readonly (
  | ViewName
  | IconName
)[]

function Places({ view }: { view: ViewName }) {
  const { say } = usePage().speech
  const current = view === 'item' ? 'items' : view
  return (
    <nav class="places" aria-label={say('nav.label')}>
      {PLACES.map((place) => (
        <a
          key={place}
          class="nav-link"
          href={formatRoute({ view: place })}
          {...(place === current ? { 'aria-current': 'page' as const } : {})}
        >
          <Icon name={place} />
          <span>{say(`nav.${place}`)}</span>
        </a>
      ))}
    </nav>
  )
}

/** Moves the focus to the heading of a new view, so that a screen reader says where one is. */
function Content({ children }: { children: ComponentChildren }) {
  const { route, speech } = usePage()
  const main = useRef<HTMLElement>(null)
  const place = JSON.stringify(route)
  const before = useRef(place)
  useEffect(() => {
    const name =
      route.view === 'nowhere' ? 'overview' : route.view === 'item' ? 'items' : route.view
    document.title = `${speech.say(`nav.${name}`)} · ${speech.say('product')}`
    if (before.current === place) return
    before.current = place
    scrollTo(0, 0)
    main.current?.focus({ preventScroll: true })
  }, [place, speech])
  return (
    <main ref={main} class="content" id="content" tabIndex={-1}>
      {children}
    </main>
  )
}

/** The node does not answer: since when, when it is asked again, and what one can do. */
function Away() {
  const { session, speech } = usePage()
  const { say, figures } = speech
  const connection = usePicture((picture) => picture.connection)
  const nowMs = usePicture((picture) => picture.nowMs)
  const hasPicture = usePicture((picture) => picture.status.value !== undefined)
  const awayMs = nowMs - connection.sinceMs
  if (connection.phase !== 'offline' || awayMs < AWAY_MS_UNTOLD) return null
  const leftMs = connection.nextTryMs - nowMs
  const duration = figures.duration(awayMs / 1_000)
  return (
    <section class="note warning away" role="alert">
      <p>
        <strong>{say(hasPicture ? 'offline.since' : 'offline.first', { duration })}</strong>
      </p>
      <p>{say('offline.advice')}</p>
      <div class="actions">
        {/* Not read aloud each second. */}
        <span aria-hidden="true">
          {leftMs > 0
            ? say('offline.next', { duration: figures.duration(Math.ceil(leftMs / 1_000)) })
            : say('offline.now')}
        </span>
        <Button onClick={() => session.wake()}>{say('offline.try')}</Button>
      </div>
    </section>
  )
}

function RefusedToken() {
  const { session, speech } = usePage()
  const isRefused = usePicture(() => session.isTokenRefused)
  if (!isRefused) return null
  return (
    <section class="note error" role="alert">
      <p>{speech.say('owner.wrong')}</p>
    </section>
  )
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash))
  useEffect(() => {
    const look = (): void => setRoute(parseRoute(location.hash))
    addEventListener('hashchange', look)
    return () => removeEventListener('hashchange', look)
  }, [])
  return route
}

function asLook(kept: string | null): Look {
  return kept === 'light' || kept === 'dark' ? kept : 'auto'
}

function recall(drawer: Drawer, key: string): string | null {
  try {
    return drawer.getItem(key)
  } catch {
    return null
  }
}

function remember(drawer: Drawer, key: string, value: string): void {
  try {
    drawer.setItem(key, value)
  } catch {
    // It then holds for this visit.
  }
}
