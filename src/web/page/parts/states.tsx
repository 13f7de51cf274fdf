// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a part of the page looks like while it loads, is empty, failed or is from before. */
import type { ComponentChildren } from 'preact'
import { isStale, type Panel, type PanelName } from '../state/state.ts'
import { Button } from './buttons.tsx'
import { sayTrouble, usePage, usePicture } from './context.ts'

export function Card(props: {
  title: string
  /** Beside the title. */
  aside?: ComponentChildren
  text?: string
  id: string
  children: ComponentChildren
}) {
  const heading = `${props.id}-heading`
  return (
    <section class="card" id={props.id} aria-labelledby={heading}>
      <div class="card-head">
        <h2 id={heading}>{props.title}</h2>
        {props.aside}
      </div>
      {props.text === undefined ? null : <p class="soft">{props.text}</p>}
      {props.children}
    </section>
  )
}

export function Skeleton({ rows = 3 }: { rows?: number }) {
  const { say } = usePage().speech
  return (
    <div class="skeleton" role="status">
      <span class="hidden">{say('loading')}</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} class="bone" />
      ))}
    </div>
  )
}

export function Empty(props: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>{props.title}</p>
      {props.children === undefined ? null : <div class="soft">{props.children}</div>}
    </div>
  )
}

/** A part of the picture in whichever state it is in; `children` draws it once there is a value. */
export function PanelOf<Value>(props: {
  panel: Panel<Value>
  name: PanelName
  rows?: number
  children: (value: Value) => ComponentChildren
}) {
  const { session, speech } = usePage()
  const stale = usePicture(isStale)
  const { value, trouble } = props.panel
  const failed =
    trouble === undefined ? null : (
      <div class="note warning" role="status">
        <p>
          <strong>{speech.say('panel.failed')}</strong> {sayTrouble(speech, trouble)}
        </p>
        <Button onClick={() => void session.reread(props.name)}>{speech.say('tryAgain')}</Button>
      </div>
    )
  if (value === undefined) return failed ?? <Skeleton rows={props.rows ?? 3} />
  return (
    <div class={stale || trouble !== undefined ? 'panel stale' : 'panel'}>
      {stale ? <p class="stale-mark">{speech.say('stale')}</p> : null}
      {failed}
      {props.children(value)}
    </div>
  )
}
