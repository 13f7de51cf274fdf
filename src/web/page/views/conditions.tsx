// SPDX-License-Identifier: AGPL-3.0-or-later
/** The health conditions of the node: what is the matter, and what to do. */
import type { Health } from '../../../contract/contract.ts'
import { TEXT_LENGTH_MAX } from '../limits.ts'
import { Icon, shortened, usePage } from '../parts/parts.ts'

export function Conditions({ conditions }: { conditions: Health['conditions'] }) {
  const { say } = usePage().speech
  if (conditions.length === 0) return null
  return (
    <section class="card" aria-labelledby="notes">
      <h2 id="notes">{say('notes.title')}</h2>
      <ul class="notes">
        {conditions.map(({ code, severity, text, advice }) => (
          <li key={code} class={`note ${severity}`}>
            <p class="note-head">
              <Icon name={severity} />
              <strong>{say(`notes.${severity}`)}</strong>
            </p>
            {/* The node says these in English, whatever the language of the page. */}
            <p lang="en">{shortened(text, TEXT_LENGTH_MAX)}</p>
            <p>
              <b>{say('notes.do')}</b> <span lang="en">{shortened(advice, TEXT_LENGTH_MAX)}</span>
            </p>
          </li>
        ))}
      </ul>
    </section>
  )
}
