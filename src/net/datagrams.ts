// SPDX-License-Identifier: AGPL-3.0-or-later
/** UDP as a port, so that beacons and hellos run over a simulated wire as well. */
import { createSocket } from 'node:dgram'

export interface DatagramSource {
  /** IPv4, IPv6 or zoned link-local. */
  host: string
  port: number
}

export interface DatagramSocket {
  readonly port: number
  /** Fire and forget: what cannot be sent is lost, as any datagram may be. */
  send(bytes: Uint8Array, to: DatagramSource): void
  close(): Promise<void>
}

export interface DatagramOptions {
  port: number
  /** Joins this link-local group on this interface; without it the socket is for unicast. */
  group?: { address: string; interfaceName: string }
  receive: (bytes: Uint8Array, from: DatagramSource) => void
}

export interface Datagrams {
  open(options: DatagramOptions): Promise<DatagramSocket>
}

/** Hop limit of beacons: an nftables rule drops any that arrive with less (they crossed a router). */
const MULTICAST_HOP_LIMIT = 255

export class UdpDatagrams implements Datagrams {
  open(options: DatagramOptions): Promise<DatagramSocket> {
    const { group } = options
    const zone = group === undefined ? '' : `%${group.interfaceName}`
    // Several nodes may share a machine, so the group's port is shared; a unicast port is not.
    const socket = createSocket({ type: 'udp6', reuseAddr: group !== undefined })
    socket.on('message', (bytes, from) => {
      const host = from.address.replace(/^::ffff:(?=\d+\.)/, '')
      options.receive(bytes, { host, port: from.port })
    })
    return new Promise((resolve, rejectWith) => {
      socket.once('error', (error) => {
        socket.close()
        rejectWith(error)
      })
      const address = group === undefined ? '::' : `${group.address}${zone}`
      socket.bind({ port: options.port, address }, () => {
        try {
          if (group !== undefined) {
            socket.addMembership(group.address, `::${zone}`)
            socket.setMulticastInterface(`::${zone}`)
            socket.setMulticastTTL(MULTICAST_HOP_LIMIT)
            socket.setMulticastLoopback(true)
          }
        } catch (thrown) {
          return void socket.emit('error', thrown)
        }
        socket.removeAllListeners('error')
        // An interface that goes away under the socket is noticed by whoever watches interfaces.
        socket.on('error', () => {})
        resolve({
          port: socket.address().port,
          send: (bytes, to) => {
            const isIPv4 = !to.host.includes(':')
            // A send that fails is a datagram lost: the next one tells.
            socket.send(bytes, to.port, isIPv4 ? `::ffff:${to.host}` : to.host, () => {})
          },
          close: () => new Promise((closed) => socket.close(() => closed())),
        })
      })
    })
  }
}
