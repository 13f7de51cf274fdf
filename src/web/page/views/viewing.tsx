// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Shows what an item is. Pictures, sound and film come from the gateway, which is another origin and
 * lets nothing in them run; text is read over the API and written as text.
 */
import { useState } from 'preact/hooks'
import { TEXT_BYTES_MAX } from '../limits.ts'
import {
  Button,
  Icon,
  LinkButton,
  Name,
  Skeleton,
  sayTrouble,
  shortened,
  usePage,
  usePicture,
} from '../parts/parts.ts'
import {
  type AnyItem,
  downloadUrl,
  formatRoute,
  gatewayUrl,
  isOwnItem,
  viewUrl,
  type Wanted,
} from '../state/state.ts'
import { isProse, kindOf, mediaTypeOfName } from './kinds.ts'
import { useLoaded } from './loading.ts'

/** Where a browser can open a place, and what is there. */
interface Opened {
  url: string | undefined
  isFolder: boolean
  mediaType: string
}

/** Public things have an address for everybody; for private ones the node opens one for a while. */
function useOpened(item: AnyItem, path: string) {
  const { session, here } = usePage()
  const port = usePicture((picture) => picture.status.value?.gatewayPort)
  const isPrivate = isOwnItem(item) && item.visibility === 'private'
  const key = `${item.cid} ${path} ${isPrivate} ${port}`
  return useLoaded<Opened>(key, async (signal) => {
    const wanted: Wanted = { cid: item.cid, path }
    if (isPrivate) {
      const view = await session.openView(wanted, signal)
      const isFolder = view.shape === 'folder'
      return { url: viewUrl(here, view), isFolder, mediaType: view.kind }
    }
    const url = port == null ? undefined : gatewayUrl(here, port, wanted)
    if (path === '') return { url, isFolder: item.shape === 'folder', mediaType: item.kind }
    const isFolder = await isFolderAt(wanted, signal)
    return { url, isFolder, mediaType: mediaTypeOfName(path) }
  })

  /** What a name in a folder is, only its folder tells. */
  async function isFolderAt({ cid, path }: Wanted, signal: AbortSignal): Promise<boolean> {
    const steps = path.split('/')
    const name = steps.at(-1)
    const above = { cid, path: steps.slice(0, -1).join('/') }
    const { entries } = await session.entries(above, signal)
    return entries.some((entry) => entry.name === name && entry.shape === 'folder')
  }
}

export function Viewing({ item, path }: { item: AnyItem; path: string }) {
  const { speech } = usePage()
  const { say } = speech
  const opened = useOpened(item, path)
  if (opened.trouble !== undefined) {
    return (
      <div class="note warning">
        <p>{sayTrouble(speech, opened.trouble)}</p>
        <Button onClick={opened.again}>{say('tryAgain')}</Button>
      </div>
    )
  }
  if (opened.value === undefined) return <Skeleton rows={3} />
  const { url, isFolder, mediaType } = opened.value
  if (isFolder) {
    return (
      <>
        <Folder cid={item.cid} path={path} />
        {url === undefined ? null : (
          <p class="actions">
            <LinkButton href={url} icon="open">
              {say('item.open')}
            </LinkButton>
          </p>
        )}
      </>
    )
  }
  const name = path === '' ? item.name : path
  const { viewer } = kindOf(mediaType)
  if (viewer === 'text') {
    return (
      <TextView
        wanted={{ cid: item.cid, path }}
        isProse={isProse(mediaType, name)}
        item={item}
        url={url}
      />
    )
  }
  if (url === undefined) return <p class="note">{say('item.noGateway')}</p>
  return (
    <>
      <Media viewer={viewer} url={url} name={name} onExpired={opened.again} />
      <p class="actions">
        <LinkButton href={url} icon="open" kind={viewer === 'tab' ? 'main' : 'plain'}>
          {say('item.open')}
        </LinkButton>
        <LinkButton href={downloadUrl(url)} icon="save" isDownload>
          {say('item.download')}
        </LinkButton>
      </p>
    </>
  )
}

function Media(props: {
  viewer: ReturnType<typeof kindOf>['viewer']
  url: string
  name: string
  onExpired: () => void
}) {
  const { say } = usePage().speech
  const [failures, setFailures] = useState(0)
  const onError = (): void => {
    setFailures(failures + 1)
    // What was opened for a while may have run out: once more, and then it is something else.
    if (failures === 0) props.onExpired()
  }
  const { url } = props
  const label = shortened(props.name)
  switch (props.viewer) {
    case 'image':
      return <img class="media" src={url} alt={label} onError={onError} />
    case 'audio':
      return (
        // biome-ignore lint/a11y/useMediaCaption: what people recorded brings no captions along
        <audio
          class="media"
          src={url}
          controls
          preload="metadata"
          aria-label={label}
          onError={onError}
        />
      )
    case 'video':
      return (
        // biome-ignore lint/a11y/useMediaCaption: what people recorded brings no captions along
        <video
          class="media"
          src={url}
          controls
          preload="metadata"
          aria-label={label}
          onError={onError}
        />
      )
    default:
      return props.viewer === 'none' ? <p class="soft">{say('item.noView')}</p> : null
  }
}

function TextView(props: {
  wanted: Wanted
  isProse: boolean
  item: AnyItem
  /** Where it can be saved from. */
  url: string | undefined
}) {
  const { session, speech } = usePage()
  const { say, figures } = speech
  const { cid, path } = props.wanted
  const [isProseShown, setProse] = useState(props.isProse)
  const text = useLoaded(`${cid} ${path}`, (signal) => session.text(props.wanted, signal))
  if (text.trouble !== undefined) {
    return <p class="note warning">{sayTrouble(speech, text.trouble)}</p>
  }
  if (text.value === undefined) return <Skeleton rows={6} />
  const spoken = props.item.language === '' ? {} : { lang: props.item.language }
  return (
    <>
      {text.value.isCut ? (
        <p class="note">{say('item.cut', { shown: figures.bytes(TEXT_BYTES_MAX) })}</p>
      ) : null}
      <section
        class={`reading ${isProseShown ? 'as-prose' : 'as-letters'}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must get there
        tabIndex={0}
        aria-label={say('kind.text')}
      >
        <pre dir="auto" {...spoken}>
          {text.value.text}
        </pre>
      </section>
      <p class="actions">
        <Button onClick={() => setProse(!isProseShown)}>
          {say(isProseShown ? 'item.plain' : 'item.prose')}
        </Button>
        {props.url === undefined ? null : (
          <LinkButton href={downloadUrl(props.url)} icon="save" isDownload>
            {say('item.download')}
          </LinkButton>
        )}
      </p>
    </>
  )
}

function Folder({ cid, path }: Wanted) {
  const { session, speech } = usePage()
  const { say, figures } = speech
  const listed = useLoaded(`${cid} ${path}`, (signal) => session.entries({ cid, path }, signal))
  if (listed.trouble !== undefined) {
    return <p class="note warning">{sayTrouble(speech, listed.trouble)}</p>
  }
  if (listed.value === undefined) return <Skeleton rows={4} />
  const { entries, isCut } = listed.value
  if (entries.length === 0) return <p class="soft">{say('item.emptyFolder')}</p>
  return (
    <>
      <ul class="rows">
        {entries.map((entry) => {
          const kind = kindOf(
            entry.shape === 'folder' ? 'inode/directory' : mediaTypeOfName(entry.name),
          )
          const inner = path === '' ? entry.name : `${path}/${entry.name}`
          const isOpen = entry.shape === 'file' || entry.shape === 'folder'
          const words =
            entry.target !== null
              ? say('item.leadsTo', { target: shortened(entry.target) })
              : entry.sizeBytes === null
                ? say(entry.shape === null ? 'kind.absent' : kind.word)
                : `${say(kind.word)} · ${figures.bytes(entry.sizeBytes)}`
          const content = (
            <>
              <span class="tile">
                <Icon name={entry.shape === 'symlink' ? 'symlink' : kind.icon} />
              </span>
              <span class="what">
                <Name text={entry.name} />
                <span class="soft">{words}</span>
              </span>
            </>
          )
          return (
            <li key={entry.name}>
              {isOpen ? (
                <a class="row" href={formatRoute({ view: 'item', cid, path: inner })}>
                  {content}
                </a>
              ) : (
                <span class="row">{content}</span>
              )}
            </li>
          )
        })}
      </ul>
      {isCut ? <p class="note">{say('item.folderCut')}</p> : null}
    </>
  )
}
