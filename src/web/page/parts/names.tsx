// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What strangers call things: cut to a length, isolated so that it cannot turn the text around it,
 * and never markup, since Preact writes text nodes.
 */
import { shortId } from '../../../contract/contract.ts'
import { NAME_LENGTH_MAX, TEXT_LENGTH_MAX } from '../limits.ts'
import type { AnyItem } from '../state/state.ts'
import type { Speech } from '../words/words.ts'
import { usePage } from './context.ts'

/** Controls, and what turns the direction beyond the isolated name. */
const DISTURBING = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

/** Whole characters; the ending of a long name tells what it is, so it stays. */
export function shortened(name: string, lengthMax = NAME_LENGTH_MAX): string {
  const characters = [...name.replace(DISTURBING, '\ufffd')]
  if (characters.length <= lengthMax) return characters.join('')
  const ending = characters.slice(-16).join('')
  return `${characters.slice(0, lengthMax - 17).join('')}…${ending}`
}

export function Name({ text }: { text: string }) {
  return <bdi class="name">{shortened(text)}</bdi>
}

/** A longer text: lines stay lines. */
export function Prose({ text, language }: { text: string; language?: string }) {
  const cut = [...text].slice(0, TEXT_LENGTH_MAX).join('')
  const spoken = language === undefined || language === '' ? {} : { lang: language }
  return (
    <p class="prose" dir="auto" {...spoken}>
      {cut.replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd')}
    </p>
  )
}

export function titleOf(item: Pick<AnyItem, 'title' | 'name' | 'cid'>): string {
  return item.title || item.name || shortCid(item.cid)
}

/** Both ends, as people compare them. */
export function shortCid(cid: string): string {
  return cid.length > 20 ? `${cid.slice(0, 10)}…${cid.slice(-6)}` : cid
}

/** A node by the name that it gives itself, or by the end of its id. */
export function nodeName({ say }: Speech, node: { peerId: string; name: string }): string {
  return node.name === '' ? say('unnamed', { id: shortId(node.peerId) }) : shortened(node.name)
}

export function NodeName({ node }: { node: { peerId: string; name: string } }) {
  const { speech } = usePage()
  return <bdi class="name">{nodeName(speech, node)}</bdi>
}
