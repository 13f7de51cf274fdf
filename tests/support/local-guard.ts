// SPDX-License-Identifier: AGPL-3.0-or-later
/** A Guard without capabilities, for tests of what asks one: public for all, the rest for the owner. */
import type { Caller, GuardAnswer, GuardRefusal, Need, RequestGuard } from '../../src/net/net.ts'

export class LocalGuard implements RequestGuard {
  check(caller: Caller, need: Need): GuardAnswer {
    if (need === 'public' || caller.kind === 'owner') return { allowed: true }
    return refusal(need)
  }

  checkRequest(_request: unknown, need: Need): GuardRefusal {
    return refusal(need)
  }
}

function refusal(need: Need): GuardRefusal {
  const reason = `${need} is only for the owner of this node.`
  return { allowed: false, code: 'ACCESS_NOTHING_HELD', reason, advice: 'Ask the owner.' }
}
