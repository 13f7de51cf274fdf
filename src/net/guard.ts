// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The Guard port: no route and no protocol handler can be registered without saying what it needs.
 * Declared here, implemented by `access/`; until that room exists, {@link LocalGuard} stands in.
 */
import type { PeerId } from '../base/base.ts'

/** Who asks. A peer has proven its key; the owner speaks through the control socket. */
export type Caller =
  | { kind: 'owner' }
  | { kind: 'peer'; peerId: PeerId }
  | { kind: 'anonymous'; address: string }

/** What a route or protocol needs: nothing, or the right to a command (UCAN 1.0 command syntax). */
export type Need = 'public' | `/${string}`

export type GuardAnswer = { allowed: true } | { allowed: false; reason: string }

export interface Guard {
  check(caller: Caller, need: Need): GuardAnswer
}

/** Allows what is public to everyone, and everything to whoever can open the control socket. */
export class LocalGuard implements Guard {
  check(caller: Caller, need: Need): GuardAnswer {
    if (need === 'public' || caller.kind === 'owner') return { allowed: true }
    return { allowed: false, reason: `${need} is only for the owner of this node.` }
  }
}
