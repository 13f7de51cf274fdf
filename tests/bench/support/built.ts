// SPDX-License-Identifier: AGPL-3.0-or-later
/** The built program under test. */
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'

/** `npm run bench` builds first and says where; the program lies there whole. */
export function builtProgram(): { node: string; script: string } {
  const folder = process.env['CITYNODE_BUILD']
  if (folder === undefined) throw new Error('start this with: npm run bench -- NAME')
  return { node: join(folder, 'node'), script: join(folder, 'citynode.mjs') }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

export const REPOSITORY = dirname(dirname(dirname(import.meta.dirname)))
