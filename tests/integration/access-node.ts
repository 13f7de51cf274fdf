// SPDX-License-Identifier: AGPL-3.0-or-later
/** Permissions as a node has them, in a database in memory, for an ApiServer to ask. */
import {
  CapabilityGuard,
  Giving,
  RequestNonces,
  RevocationStore,
  TimeBound,
  TokenReader,
} from '../../src/access/access.ts'
import type { Clock } from '../../src/base/base.ts'
import type { Database } from '../../src/store/store.ts'
import { SystemRandom } from '../../src/system/system.ts'
import { openAccessDatabase, node as owner } from '../unit/access-support.ts'

/**
 * @param clock What the node goes by, as sure of it as one whose neighbours agree.
 * @param path Of the database, for a node that starts again.
 */
export async function openAccess(
  clock: Clock,
  path?: string,
): Promise<{ guard: CapabilityGuard; access: Giving; database: Database }> {
  const database = await openAccessDatabase(path)
  const random = new SystemRandom()
  const memory = { readBound: () => undefined, writeBound: () => {} }
  const cityTime = { agreedMs: () => clock.wallMs() }
  const builtAtSeconds = Math.floor(clock.wallMs() / 1000)
  const time = new TimeBound({ clock, cityTime, memory }, { builtAtSeconds })
  const reader = new TokenReader()
  const revocations = new RevocationStore(database, { isOurs: (one) => one === owner.peerId })
  const nonces = new RequestNonces({ clock, random })
  const guard = new CapabilityGuard({ reader, takenBack: revocations, nonces, time }, owner.peerId)
  const deps = { signer: owner, database, reader, revocations, nonces, time, random }
  return { guard, access: new Giving(deps), database }
}
