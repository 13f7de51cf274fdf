// SPDX-License-Identifier: AGPL-3.0-or-later
/** A liar on the wire: ten thousand beacons of nodes that do not exist. Argument: the interface. */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { parseCityId, peerIdFromPublicKey } from '../../../src/base/base.ts'
import { BEACON_GROUP } from '../../../src/net/beacon.ts'
import { encodeBeacon } from '../../../src/net/beacon-message.ts'
import { cityTag } from '../../../src/net/city.ts'
import { type DatagramSocket, UdpDatagrams } from '../../../src/net/datagrams.ts'

const BEACONS = 10_000
const AT_ONCE = 100
const PORT = 7442
const [interfaceName = 'eth0'] = process.argv.slice(2)

/** An address that has just come up is not ours to use for a second or two. */
async function openSocket(): Promise<DatagramSocket> {
  for (;;) {
    try {
      const group = { address: BEACON_GROUP, interfaceName }
      return await new UdpDatagrams().open({ port: PORT, group, receive: () => {} })
    } catch {
      await pause(100)
    }
  }
}

const socket = await openSocket()
const tag = cityTag(parseCityId('home'))
for (let sent = 0; sent < BEACONS; sent++) {
  const peerId = peerIdFromPublicKey(randomBytes(32))
  const forged = encodeBeacon(tag, { peerId, port: 1 + (sent % 60_000), isNew: true })
  socket.send(forged, { host: `${BEACON_GROUP}%${interfaceName}`, port: PORT })
  // Ten seconds in all, so that honest nodes come up in the midst of it.
  if (sent % AT_ONCE === 0) await pause(100)
}
await socket.close()
