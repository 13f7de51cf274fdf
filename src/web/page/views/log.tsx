// SPDX-License-Identifier: AGPL-3.0-or-later
/** What happened lately, newest first, in the person's language. */
import { useState } from 'preact/hooks'
import { shortId } from '../../../contract/contract.ts'
import { ROWS_SHOWN } from '../limits.ts'
import {
  Button,
  Empty,
  Icon,
  nameCondition,
  PanelOf,
  shortCid,
  shortened,
  usePage,
  usePicture,
} from '../parts/parts.ts'
import { formatRoute, type Heard } from '../state/state.ts'
import type { Speech } from '../words/words.ts'

export function LogView() {
  const { say } = usePage().speech
  const panel = usePicture((picture) => picture.happenings)
  const [shownCount, setShownCount] = useState(ROWS_SHOWN)
  return (
    <>
      <h1>{say('log.title')}</h1>
      <p class="soft">{say('log.text')}</p>
      <section class="card" aria-label={say('log.title')}>
        <PanelOf panel={panel} name="happenings" rows={6}>
          {(heard) => (
            <>
              <LogRows happenings={heard.slice(0, shownCount)} />
              {heard.length <= shownCount ? null : (
                <Button onClick={() => setShownCount(shownCount + ROWS_SHOWN)}>
                  {say('log.more')}
                </Button>
              )}
            </>
          )}
        </PanelOf>
      </section>
    </>
  )
}

export function LogRows({ happenings }: { happenings: readonly Heard[] }) {
  const { speech } = usePage()
  const { say, figures } = speech
  const nowMs = usePicture((picture) => picture.nowMs)
  if (happenings.length === 0) return <Empty title={say('log.none')}>{say('log.noneDo')}</Empty>
  return (
    <ul class="rows log">
      {happenings.map((happening) => (
        <li key={happening.id} class="row">
          <span class={`dot ${happening.level}`}>
            <Icon name={happening.level} />
            <span class="hidden">{say(`log.level.${happening.level}`)}</span>
          </span>
          <span class="what">
            <Sentence happening={happening} speech={speech} />
            <time class="soft" dateTime={happening.at}>
              {figures.ago((nowMs - happening.heardMs) / 1_000)}
            </time>
          </span>
        </li>
      ))}
    </ul>
  )
}

const REASONS = {
  silent: 'reason.silent',
  carrier: 'reason.carrier',
  closed: 'reason.closed',
} as const

function isKnownReason(reason: string | null): reason is keyof typeof REASONS {
  return reason !== null && Object.hasOwn(REASONS, reason)
}

/** A name within a sentence is kept apart by invisible marks, as an element would. */
const ISOLATE = ['\u2068', '\u2069'] as const

function Sentence({ happening, speech }: { happening: Heard; speech: Speech }) {
  const { say } = speech
  const { code, subject, reason } = happening
  const name = `${ISOLATE[0]}${subjectOf(happening, speech)}${ISOLATE[1]}`
  const text = code === 'NODE_STARTED' ? say(`log.${code}`) : say(`log.${code}`, { name })
  const why = isKnownReason(reason) ? ` ${say(REASONS[reason])}` : ''
  const isItem = code.startsWith('ITEM_') && code !== 'ITEM_REMOVED' && subject !== null
  return isItem ? (
    <span>
      <a href={formatRoute({ view: 'item', cid: subject, path: '' })}>{text}</a>
    </span>
  ) : (
    <span>
      {text}
      {why}
    </span>
  )
}

function subjectOf({ name, subject, code }: Heard, speech: Speech): string {
  const known = code.startsWith('CONDITION_') ? nameCondition(speech, subject ?? '') : undefined
  if (known !== undefined) return known
  if (name !== '') return shortened(name)
  if (subject === null) return speech.say('transfers.nameless')
  const isNode = /^(?:NEIGHBOUR|PEER)_/.test(code)
  return isNode ? speech.say('unnamed', { id: shortId(subject) }) : shortCid(subject)
}
