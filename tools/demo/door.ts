// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A door into a namespace: takes connections on ports of the machine's own 127.0.0.1, which it was
 * handed by the demo, and carries their bytes to the same ports inside. It is a process that lives
 * in the namespace; the sockets that it was handed stay outside. So no address, route or interface
 * joins the two, and whatever the browser says arrives unchanged.
 *
 * Ends when the demo does: then its channel closes.
 */
import { connect, Server, type Socket } from 'node:net'

/** Connections open at once; a browser opens about six an origin, a curious person some more. */
const CONNECTIONS_MAX = 128

process.on('message', (message: unknown, handle: unknown) => {
  if (typeof message !== 'object' || message === null || !('port' in message)) return
  const { port } = message
  if (typeof port !== 'number' || !(handle instanceof Server)) return
  handle.maxConnections = CONNECTIONS_MAX
  handle.on('connection', (outside: Socket) => join(outside, port))
  process.send?.({ open: port })
})
process.on('disconnect', () => process.exit(0))

function join(outside: Socket, port: number): void {
  const inside = connect({ host: '127.0.0.1', port })
  outside.pipe(inside)
  inside.pipe(outside)
  // Of a connection that failed, the other end sees that it is closed.
  for (const one of [outside, inside]) one.on('error', () => {})
  outside.on('close', () => inside.destroy())
  // What the node said last is still delivered.
  inside.on('close', () => outside.destroySoon())
}
