// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest'
import {
  type Asked,
  type Circumstances,
  judgeChain,
  type TakenBack,
} from '../../src/access/access.ts'
import { CHAIN_LENGTH_MAX } from '../../src/access/limits.ts'
import type { PeerId } from '../../src/base/base.ts'
import {
  ana,
  bela,
  carla,
  circumstances,
  codeOf,
  grant,
  mallory,
  NOW,
  node,
  nothingTakenBack,
  person,
} from './access-support.ts'

/** Carla wants to add something, with what she was given. */
function judge(
  proofs: Asked['proofs'],
  more: Partial<Asked> = {},
  about: Partial<Circumstances> = {},
): string {
  const asked: Asked = {
    holder: carla.peerId,
    subject: node.peerId,
    command: '/content/add',
    args: {},
    proofs,
    expires: NOW + 60,
    ...more,
  }
  return codeOf(judgeChain(asked, circumstances(about)))
}

const nodeToAna = grant(node, ana, { command: '/content' })
const anaToBela = grant(ana, bela)
const belaToCarla = grant(bela, carla)
const chain = [nodeToAna, anaToBela, belaToCarla]

describe('a chain', () => {
  it('from the subject down to the holder is enough', () => expect(judge(chain)).toBe('ok'))

  it('is not needed by the subject itself', () => {
    expect(judge([], { holder: node.peerId })).toBe('ok')
    expect(judge([])).toBe('ROOT_WRONG')
  })

  it('with a link missing is broken', () => {
    expect(judge([nodeToAna, belaToCarla])).toBe('CHAIN_BROKEN')
  })

  it('in another order is broken', () => {
    expect(judge([anaToBela, nodeToAna, belaToCarla])).toBe('CHAIN_BROKEN')
  })

  it('is of no use to anybody else', () => {
    expect(judge(chain, { holder: mallory.peerId })).toBe('HOLDER_WRONG')
    expect(judge([nodeToAna, anaToBela], { holder: carla.peerId })).toBe('HOLDER_WRONG')
  })

  it('must begin with the subject', () => {
    expect(judge([anaToBela, belaToCarla])).toBe('ROOT_WRONG')
    expect(judge([grant(mallory, carla)])).toBe('ROOT_WRONG')
  })

  it('must be about what is asked for, in every link', () => {
    const foreign = grant(ana, bela, { subject: mallory.peerId })
    expect(judge([nodeToAna, foreign, belaToCarla])).toBe('SUBJECT_WRONG')
    expect(judge(chain, { subject: mallory.peerId })).toBe('SUBJECT_WRONG')
    const others = grant(mallory, carla, { subject: mallory.peerId, command: '/' })
    expect(judge([others])).toBe('SUBJECT_WRONG')
  })

  it('covers only what each link covers', () => {
    expect(judge(chain, { command: '/content/add/beyond' })).toBe('ok')
    expect(judge(chain, { command: '/content/remove' })).toBe('COMMAND_NOT_COVERED')
    expect(judge(chain, { command: '/content' })).toBe('COMMAND_NOT_COVERED')
    // A name that begins alike is another name.
    expect(judge(chain, { command: '/content/additional' })).toBe('COMMAND_NOT_COVERED')
  })

  it('cannot be widened by passing it on', () => {
    const everything = grant(bela, carla, { command: '/' })
    const wide = [nodeToAna, anaToBela, everything]
    expect(judge(wide)).toBe('ok')
    expect(judge(wide, { command: '/node/configure' })).toBe('COMMAND_NOT_COVERED')
    expect(judge(wide, { command: '/content/remove' })).toBe('COMMAND_NOT_COVERED')
  })

  it('keeps the conditions of every link', () => {
    const upTo = (bytes: number) => ({ policy: [['<=', '.bytes', bytes]] })
    const small = grant(ana, bela, upTo(10))
    // A promise of more than was given is worth no more than what was given.
    const escalated = [nodeToAna, small, grant(bela, carla, upTo(1_000))]
    const narrowed = [nodeToAna, small, grant(bela, carla, upTo(5))]
    const asks = (bytes: number) => ({ args: { bytes } })
    expect(judge(escalated, asks(10))).toBe('ok')
    expect(judge(escalated, asks(11))).toBe('POLICY_REFUSES')
    expect(judge(narrowed, asks(5))).toBe('ok')
    expect(judge(narrowed, asks(6))).toBe('POLICY_REFUSES')
    expect(judge(narrowed)).toBe('POLICY_REFUSES')
  })

  it('with conditions that take too long is refused', () => {
    const slow = grant(bela, carla, {
      policy: [['not', ['like', '.text', `*${'a'.repeat(100)}b`]]],
    })
    const args = { text: 'a'.repeat(5_000) }
    expect(judge([nodeToAna, anaToBela, slow], { args })).toBe('POLICY_TOO_COSTLY')
  })

  it('is so long and no longer', () => {
    const people = [
      node,
      ...Array.from({ length: CHAIN_LENGTH_MAX + 1 }, (_, at) => person(`${at}!`)),
    ]
    const links = people.slice(1).map((next, at) => grant(people[at] ?? node, next))
    const holderOf = (count: number) => ({ holder: people[count]?.peerId ?? node.peerId })
    expect(judge(links.slice(0, CHAIN_LENGTH_MAX), holderOf(CHAIN_LENGTH_MAX))).toBe('ok')
    expect(judge(links, holderOf(CHAIN_LENGTH_MAX + 1))).toBe('CHAIN_TOO_LONG')
  })

  it('does not go round in a circle', () => {
    const back = grant(bela, ana)
    const again = grant(ana, carla)
    expect(judge([nodeToAna, anaToBela, back, again])).toBe('CHAIN_CYCLIC')
    expect(judge([nodeToAna, grant(ana, ana), again])).toBe('CHAIN_CYCLIC')
    expect(judge([nodeToAna, anaToBela, back], { holder: ana.peerId })).toBe('CHAIN_CYCLIC')
  })
})

describe('a powerline', () => {
  const anaToPhone = grant(ana, carla, { subject: null, command: '/' })

  it('passes on what was given, about whatever that was', () => {
    expect(judge([nodeToAna, anaToPhone])).toBe('ok')
    expect(judge([nodeToAna, anaToPhone], { command: '/node/configure' })).toBe(
      'COMMAND_NOT_COVERED',
    )
  })

  it('gives nothing by itself', () => {
    expect(judge([anaToPhone])).toBe('ROOT_WRONG')
    expect(judge([anaToPhone], { subject: ana.peerId })).toBe('ROOT_WRONG')
  })
})

describe('time', () => {
  const ending = (seconds: number) => [grant(node, carla, { expires: seconds })]

  it('is over after the last second', () => {
    expect(judge(ending(NOW))).toBe('ok')
    expect(judge(ending(NOW - 1))).toBe('EXPIRED')
    expect(judge([nodeToAna, grant(ana, bela, { expires: 1 }), belaToCarla])).toBe('EXPIRED')
  })

  it('is over for the request as well', () => {
    expect(judge(chain, { expires: NOW - 1 })).toBe('EXPIRED')
  })

  it('has not come before the first second', () => {
    const beginning = (seconds: number) => [grant(node, carla, { notBefore: seconds })]
    expect(judge(beginning(NOW))).toBe('ok')
    expect(judge(beginning(NOW + 1))).toBe('NOT_YET')
  })

  it('that nobody knows stops what needs it, and nothing else', () => {
    const time = { bound: NOW, agreed: undefined, hint: 0 }
    expect(judge(chain, {}, { time, needsTime: true })).toBe('TIME_UNKNOWN')
    expect(judge(chain, {}, { time, needsTime: false })).toBe('ok')
    expect(judge(ending(NOW - 1), {}, { time, needsTime: false })).toBe('EXPIRED')
  })
})

describe('what was taken back', () => {
  const by = (revoker: PeerId, cid: string): TakenBack => ({
    ...nothingTakenBack,
    revokersOf: (asked) => (asked === cid ? [revoker] : []),
  })

  it.each([
    ['its issuer', bela.peerId],
    ['somebody above', ana.peerId],
    ['the subject', node.peerId],
  ])('by %s counts no more', (_who, revoker) => {
    expect(judge(chain, {}, { takenBack: by(revoker, belaToCarla.cid) })).toBe('REVOKED')
  })

  it.each([
    ['somebody else', mallory.peerId],
    ['its holder', carla.peerId],
  ])('by %s counts as before', (_who, revoker) => {
    expect(judge(chain, {}, { takenBack: by(revoker, belaToCarla.cid) })).toBe('ok')
  })

  it('by somebody below counts as before', () => {
    expect(judge(chain, {}, { takenBack: by(bela.peerId, anaToBela.cid) })).toBe('ok')
    expect(judge(chain, {}, { takenBack: by(bela.peerId, nodeToAna.cid) })).toBe('ok')
  })

  it('higher up takes along what is below', () => {
    expect(judge(chain, {}, { takenBack: by(node.peerId, nodeToAna.cid) })).toBe('REVOKED')
  })

  it('too often by one person ends all that they granted', () => {
    const muted = (issuer: PeerId): TakenBack => ({
      ...nothingTakenBack,
      isMuted: (asked) => asked === issuer,
    })
    expect(judge(chain, {}, { takenBack: muted(bela.peerId) })).toBe('REVOKER_MUTED')
    expect(judge(chain, {}, { takenBack: muted(carla.peerId) })).toBe('ok')
    // The subject's word always counts.
    expect(judge(chain, {}, { takenBack: muted(node.peerId) })).toBe('ok')
  })

  it('by too many leaves only what the subject granted itself', () => {
    const takenBack = { ...nothingTakenBack, isOverflowing: true }
    expect(judge(chain, {}, { takenBack })).toBe('REVOKER_MUTED')
    expect(judge([grant(node, carla)], {}, { takenBack })).toBe('ok')
  })
})
