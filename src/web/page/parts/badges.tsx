// SPDX-License-Identifier: AGPL-3.0-or-later
/** Short states: a shape and a word, so that colour only repeats what both say. */
import type { ComponentChildren } from 'preact'
import type { Quality } from '../../../contract/contract.ts'
import { usePage } from './context.ts'
import { Icon, type IconName } from './icons.tsx'

export type Tone = 'plain' | 'ok' | 'look' | 'help'

const BARS: Readonly<Record<Quality, number>> = {
  strong: 4,
  good: 3,
  fair: 2,
  weak: 1,
  measuring: 0,
}

const TONES: Readonly<Record<Quality, Tone>> = {
  strong: 'ok',
  good: 'ok',
  fair: 'look',
  weak: 'help',
  measuring: 'plain',
}

export function QualityBadge({ quality }: { quality: Quality }) {
  const { say } = usePage().speech
  return (
    <span class={`badge ${TONES[quality]}`}>
      <svg class="bars" viewBox="0 0 19 16" aria-hidden="true">
        {[0, 1, 2, 3].map((bar) => (
          <rect
            key={bar}
            class={bar < BARS[quality] ? 'on' : 'off'}
            x={bar * 5}
            y={12 - bar * 4}
            width="3.4"
            height={4 + bar * 4}
            rx="1"
          />
        ))}
      </svg>
      {say(`quality.${quality}`)}
    </span>
  )
}

export function Badge(props: { tone?: Tone; icon?: IconName; children: ComponentChildren }) {
  return (
    <span class={`badge ${props.tone ?? 'plain'}`}>
      {props.icon === undefined ? null : <Icon name={props.icon} />}
      {props.children}
    </span>
  )
}

const SIGNS = {
  ok: { icon: 'good', tone: 'ok' },
  degraded: { icon: 'warning', tone: 'look' },
  failed: { icon: 'error', tone: 'help' },
  unknown: { icon: 'info', tone: 'plain' },
} as const

/** The large round sign before the verdict. */
export function VerdictSign({ state }: { state: keyof typeof SIGNS }) {
  const { icon, tone } = SIGNS[state]
  return (
    <span class={`sign ${tone}`}>
      <Icon name={icon} />
    </span>
  )
}
