// SPDX-License-Identifier: AGPL-3.0-or-later
/** Whether a status says something new. Pure. */
import type { PublicStatus } from '../../contract/contract.ts'

/**
 * The same for two statuses that differ only in what goes on by itself: uptime and ages, and figures
 * of links, which have an event of their own.
 */
export function statusPrint(status: PublicStatus): string {
  const neighbours = status.neighbours.map(({ peerId, name, interfaceName, version }) => {
    return { peerId, name, interfaceName, version }
  })
  return JSON.stringify({ ...status, uptimeSeconds: 0, neighbours })
}
