// SPDX-License-Identifier: AGPL-3.0-or-later
/** What can be wrong with what this node holds, in words. */
import type { HealthCondition } from '../base/base.ts'
import { NAMED_ITEMS_MAX } from './limits.ts'

export interface ContentState {
  /** Items that are not whole any more, by name; the page shows these texts to anybody. */
  damaged: readonly { name: string; isPublic: boolean; isChanged: boolean }[]
  isFull: boolean
  /** The index of the store was made anew at this start. */
  isRebuilt: boolean
}

export function conditionsOf(state: ContentState): HealthCondition[] {
  const { isFull, isRebuilt } = state
  const conditions: HealthCondition[] = []
  const changed = state.damaged.filter(({ isChanged }) => isChanged)
  const damaged = state.damaged.filter(({ isChanged }) => !isChanged)
  if (changed.length > 0) {
    conditions.push({
      code: 'CONTENT_CHANGED',
      severity: 'warning',
      text:
        `${countOf(changed)} not served, since files that were added by reference have changed ` +
        `or are gone${namesOf(changed)}.`,
      advice:
        'Add them again as they are now (citynode add --reference): a changed file is another ' +
        'item. Then remove the old ones (citynode ls shows which, citynode rm).',
    })
  }
  if (damaged.length > 0) {
    conditions.push({
      code: 'CONTENT_DAMAGED',
      severity: 'error',
      text: `${countOf(damaged)} damaged and not served${namesOf(damaged)}.`,
      advice: 'Fetch or add them again (citynode ls shows which), and check the disk or SD card.',
    })
  }
  if (isRebuilt) {
    conditions.push({
      code: 'CONTENT_INDEX_REBUILT',
      severity: 'warning',
      text: 'The database could not be read and was made anew from the stored content.',
      advice: 'Look through citynode ls, and check the disk or SD card: it may be failing.',
    })
  }
  if (isFull) {
    conditions.push({
      code: 'CONTENT_STORE_FULL',
      severity: 'warning',
      text: 'There is no space for more items; the last one was refused.',
      advice: 'Remove items that nobody needs (citynode rm), or give the node a larger disk.',
    })
  }
  return conditions
}

function countOf({ length }: ContentState['damaged']): string {
  return length === 1 ? 'One item is' : `${length} items are`
}

/** Names of private items are nobody else's business. */
function namesOf(damaged: ContentState['damaged']): string {
  const names = damaged.filter(({ isPublic }) => isPublic).map(({ name }) => name)
  if (names.length === 0) return ''
  const more = names.length > NAMED_ITEMS_MAX ? ', …' : ''
  return `: ${names.slice(0, NAMED_ITEMS_MAX).join(', ')}${more}`
}
