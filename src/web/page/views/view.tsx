// SPDX-License-Identifier: AGPL-3.0-or-later
/** Which view is shown. */
import { usePage } from '../parts/parts.ts'
import { ItemView } from './item.tsx'
import { ItemsView } from './items.tsx'
import { LogView } from './log.tsx'
import { MachineView } from './machine.tsx'
import { NeighboursView } from './neighbours.tsx'
import { Overview } from './overview.tsx'

export function View() {
  const { route, speech } = usePage()
  switch (route.view) {
    case 'overview':
      return <Overview />
    case 'neighbours':
      return <NeighboursView />
    case 'items':
      return <ItemsView />
    case 'item':
      // Another place of the item is another visit: nothing of the one before is kept.
      return <ItemView key={`${route.cid}/${route.path}`} cid={route.cid} path={route.path} />
    case 'machine':
      return <MachineView />
    case 'log':
      return <LogView />
    case 'nowhere':
      return (
        <section class="card">
          <h1>{speech.say('nowhereTitle')}</h1>
          <p>{speech.say('nowhereText')}</p>
          <p>
            <a href="#/">{speech.say('nowhereLink')}</a>
          </p>
        </section>
      )
  }
}
