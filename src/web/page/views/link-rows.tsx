// SPDX-License-Identifier: AGPL-3.0-or-later
/** Links as a short list: who, how good, and the figure that matters most. */
import { type LinkHistory, qualityOf } from '../../../contract/contract.ts'
import { Empty, NodeName, QualityBadge, usePage } from '../parts/parts.ts'
import { linkKey } from '../state/state.ts'

export function LinkRows({ links }: { links: readonly LinkHistory[] }) {
  const { say, figures } = usePage().speech
  if (links.length === 0) return <NobodyYet />
  return (
    <ul class="rows">
      {links.map((link) => (
        <li key={linkKey(link)} class="row">
          <span class="what">
            <NodeName node={link} />
            <span class="soft">
              {[
                link.interfaceName === null
                  ? undefined
                  : say('links.over', { interface: link.interfaceName }),
                link.rttMs === null ? undefined : figures.milliseconds(link.rttMs),
              ]
                .filter((part) => part !== undefined)
                .join(' · ')}
            </span>
          </span>
          <QualityBadge quality={qualityOf(link)} />
        </li>
      ))}
    </ul>
  )
}

export function NobodyYet() {
  const { say } = usePage().speech
  return (
    <Empty title={say('links.none')}>
      <ul>
        <li>{say('links.noneDo1')}</li>
        <li>{say('links.noneDo2')}</li>
        <li>{say('links.noneDo3')}</li>
      </ul>
    </Empty>
  )
}
