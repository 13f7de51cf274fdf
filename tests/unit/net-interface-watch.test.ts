// SPDX-License-Identifier: AGPL-3.0-or-later
/** Which interfaces there are, what the owner says of them, and what is announced when. */
import { describe, expect, it } from 'vitest'
import { silentLogger, VirtualClock } from '../../src/base/base.ts'
import { networkConfigSchema } from '../../src/net/config.ts'
import { InterfaceWatch } from '../../src/net/interface-watch.ts'
import { INTERFACE_POLL_MS } from '../../src/net/limits.ts'
import type { NetworkInterface, SegmentKind } from '../../src/system/system.ts'
import { interfaceOf } from './net-support.ts'

function setUp(config: object, first: readonly NetworkInterface[]) {
  const clock = new VirtualClock()
  let listed = first
  const watch = new InterfaceWatch(
    { clock, log: silentLogger, listInterfaces: () => listed },
    networkConfigSchema.parse(config),
  )
  const facts: string[] = []
  const { signal } = new AbortController()
  watch.events.on(
    'interfaceFound',
    ({ networkInterface }) => facts.push(`+${networkInterface.name}`),
    signal,
  )
  watch.events.on('interfaceLost', ({ name }) => facts.push(`-${name}`), signal)
  const takeFacts = (): string[] => facts.splice(0)
  const change = (next: readonly NetworkInterface[]): string[] => {
    listed = next
    clock.advance(INTERFACE_POLL_MS)
    return takeFacts()
  }
  return { watch, clock, takeFacts, change }
}

const eth0 = interfaceOf('eth0', 2)
const eth1 = interfaceOf('eth1', 3)

describe('the watch of interfaces', () => {
  it('tells of what is there at the start, and then only of changes', () => {
    const { watch, takeFacts, change } = setUp({}, [eth0])
    watch.start()
    expect(takeFacts()).toEqual(['+eth0'])
    expect(change([eth0])).toEqual([])
    expect(change([eth0, eth1])).toEqual(['+eth1'])
    expect(change([eth1])).toEqual(['-eth0'])
    expect(watch.current().map((one) => one.name)).toEqual(['eth1'])
  })

  it('notices a pulled cable within a second', () => {
    expect(INTERFACE_POLL_MS).toBeLessThan(1_000)
  })

  it('takes a device of the same name and another index for another one', () => {
    const { watch, takeFacts, change } = setUp({}, [eth0])
    watch.start()
    takeFacts()
    expect(change([{ ...eth0, index: 9 }])).toEqual(['-eth0', '+eth0'])
  })

  it('tells again when the link-local address comes later, and only then', () => {
    const bare = interfaceOf('eth0', 2, { addresses: ['10.0.2.1/24'] })
    const { watch, takeFacts, change } = setUp({}, [bare])
    watch.start()
    expect(takeFacts()).toEqual(['+eth0'])
    expect(change([bare])).toEqual([])
    expect(change([eth0])).toEqual(['+eth0'])
    expect(change([eth0])).toEqual([])
    expect(change([bare])).toEqual([])
  })

  it('is quiet once stopped', () => {
    const { watch, takeFacts, change } = setUp({}, [eth0])
    watch.start()
    takeFacts()
    watch.stop()
    expect(change([eth1])).toEqual([])
  })

  it.each<[SegmentKind, boolean]>([
    ['wire', true],
    ['radio', false],
    ['mesh', false],
    ['tunnel', false],
    ['loopback', false],
  ])('on a %s, one hop unless said otherwise: %s', (segment, isOneHop) => {
    const { watch } = setUp({}, [interfaceOf('one', 2, { segment })])
    watch.start()
    expect(watch.current()).toMatchObject([{ segment, isOneHop }])
  })

  it.each([
    ['radio', 'wlan0', 'radio', true],
    ['radio', 'wlan0', 'wire', true],
    ['radio', 'wlan0', 'mesh', false],
    ['wire', 'eth0', 'mesh', false],
    ['mesh', 'bat0', 'wire', true],
  ] as const)('a %s named %s that is said to be %s: one hop %s', (found, name, said, isOneHop) => {
    const config = { interface: [{ name, segment: said }] }
    const { watch } = setUp(config, [interfaceOf(name, 2, { segment: found })])
    watch.start()
    expect(watch.current()).toMatchObject([{ name, segment: said, isOneHop }])
  })

  it('does not see what is switched off', () => {
    const config = { interface: [{ name: 'eth0', segment: 'off' }] }
    const { watch, takeFacts } = setUp(config, [eth0, eth1])
    watch.start()
    expect(takeFacts()).toEqual(['+eth1'])
    expect(watch.current().map((one) => one.name)).toEqual(['eth1'])
  })

  it('takes loopback for one hop only where it is allowed', () => {
    const lo = interfaceOf('lo', 1, { segment: 'loopback', addresses: ['127.0.0.1/8'] })
    const { watch } = setUp({ allow_loopback: true }, [lo])
    watch.start()
    expect(watch.current()).toMatchObject([{ isOneHop: true }])
  })
})
