// SPDX-License-Identifier: AGPL-3.0-or-later
/** The health conditions of the node: what is the matter, and what to do. */
import type { Health } from '../../../contract/contract.ts'
import { TEXT_LENGTH_MAX } from '../limits.ts'
import { Icon, sayCondition, shortened, usePage } from '../parts/parts.ts'

export function Conditions({ conditions }: { conditions: Health['conditions'] }) {
  const { say } = usePage().speech
  if (conditions.length === 0) return null
  return (
    <section class="card" aria-labelledby="notes">
      <h2 id="notes">{say('notes.title')}</h2>
      <ul class="notes">
        {conditions.map((condition) => (
          <Condition key={condition.code} condition={condition} />
        ))}
      </ul>
    </section>
  )
}

function Condition({ condition }: { condition: Health['conditions'][number] }) {
  const { speech } = usePage()
  const { severity } = condition
  const { text, advice, language } = sayCondition(speech, condition)
  return (
    <li class={`note ${severity}`}>
      <p class="note-head">
        <Icon name={severity} />
        <strong>{speech.say(`notes.${severity}`)}</strong>
      </p>
      <p lang={language}>{shortened(text, TEXT_LENGTH_MAX)}</p>
      <p>
        <b>{speech.say('notes.do')}</b>{' '}
        <span lang={language}>{shortened(advice, TEXT_LENGTH_MAX)}</span>
      </p>
    </li>
  )
}
