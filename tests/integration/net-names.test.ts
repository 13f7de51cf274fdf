// SPDX-License-Identifier: AGPL-3.0-or-later
/** Real nodes on loopback tell each other their names, and how far apart they are. */
import { afterEach, expect, it } from 'vitest'
import { Cleanup, untilMet } from './net-support.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

it('tells its name to whoever it meets, whichever of them called', async () => {
  const roof = await cleanup.start({ name: 'Library roof' })
  const other = await cleanup.start({ config: { bootstrap: [roof.address()] } })
  await untilMet(roof, other)
  expect(other.network.connectedPeers()).toMatchObject([{ name: 'Library roof' }])
  expect(roof.network.connectedPeers()).toMatchObject([{ name: '' }])
})

it('pings a connected peer, and nobody else', async () => {
  const one = await cleanup.start()
  const other = await cleanup.start({ config: { bootstrap: [one.address()] } })
  const stranger = await cleanup.start()
  await untilMet(one, other)
  const { signal } = new AbortController()
  expect(await one.network.ping(other.network.peerId, signal)).toBeGreaterThanOrEqual(0)
  await expect(one.network.ping(stranger.network.peerId, signal)).rejects.toMatchObject({
    code: 'NET_NO_ANSWER',
  })
})
