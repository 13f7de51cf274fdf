// SPDX-License-Identifier: AGPL-3.0-or-later
/** The `[status]` section of the configuration: what the local network may read. */
import { z } from 'zod'
import { listenAddressSchema, portSchema } from '../net/net.ts'

export const statusConfigSchema = z
  .strictObject({
    port: portSchema(7480, 'TCP port of the status page, `/health` and `/metrics` (HTTP).'),
    address: listenAddressSchema('Address of the status page.'),
  })
  .readonly()
  .prefault({})
  .meta({ description: 'The status page on the local network: public facts only, read only.' })

export type StatusConfig = z.output<typeof statusConfigSchema>
