// SPDX-License-Identifier: AGPL-3.0-or-later
/** Ports of 127.0.0.1: the one that we would like, or any free one where that is taken. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** A server that has its port; who takes connections is decided later. */
export interface OpenPort {
  port: number
  server: Server
}

export async function openPort(wanted: number): Promise<OpenPort> {
  const server = (await listen(wanted)) ?? (await listen(0))
  const address = server?.address()
  if (server === undefined || typeof address !== 'object' || address === null) {
    throw new Error('no port of 127.0.0.1 is free')
  }
  return { port: address.port, server }
}

export async function closePort({ server }: OpenPort): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  await closed
}

async function listen(port: number): Promise<Server | undefined> {
  // Until it is handed to a door, nobody knows the address: whoever comes is sent away.
  const server = createServer((socket) => socket.destroy())
  const listening = once(server, 'listening')
  server.listen(port, '127.0.0.1')
  try {
    await listening
    return server
  } catch {
    // Taken, or not ours to take: the caller tries another one.
    return undefined
  }
}
