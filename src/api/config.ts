// SPDX-License-Identifier: AGPL-3.0-or-later
/** The `[status]` and `[gateway]` sections of the configuration: what the local network may see. */
import { z } from 'zod'
import { listenAddressSchema, portSchema } from '../net/net.ts'
import { HOST_NAMES_MAX } from './limits.ts'

/** A DNS name, or an address: of a machine behind a port that was forwarded. */
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9._:-]+$/

export const statusConfigSchema = z
  .strictObject({
    port: portSchema(7480, 'TCP port of the status page, `/health` and `/metrics` (HTTP).'),
    address: listenAddressSchema('Address of the status page.'),
    host_names: z
      .array(z.string().regex(HOST_NAME, 'should be a host name, without port'))
      .max(HOST_NAMES_MAX)
      .default([])
      .meta({
        description:
          'Further names by which browsers may come to the status page and the gateway. Its ' +
          'addresses, `localhost`, the machine’s own name and that with `.local` always work.',
        example: ['node.example'],
      }),
  })
  .readonly()
  .prefault({})
  .meta({ description: 'The status page on the local network: public facts only, read only.' })

/** Nobody need choose it, so nobody need step aside from it: see the gateway's `start`. */
export const GATEWAY_PORT_USUAL = 7481

export const gatewayConfigSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Whether people on the local network can open public items in a browser.',
    }),
    port: portSchema(
      GATEWAY_PORT_USUAL,
      'TCP port of the gateway for people (HTTP). When another program has the usual one, say ' +
        'a second node on this machine, the gateway takes any free one and says so in the log.',
    ),
    address: listenAddressSchema('Address of the gateway for people.'),
  })
  .readonly()
  .prefault({})
  .meta({ description: 'The gateway for people: public items in a browser, read only.' })

export type GatewayConfig = z.output<typeof gatewayConfigSchema>

export type StatusConfig = z.output<typeof statusConfigSchema>
