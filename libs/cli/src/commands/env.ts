import type { FabricConnection } from '@weft/contracts'

const shellQuote = (text: string): string =>
  /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** The connection as the variables that AWS's tools, the NATS tools and the examples read. */
export const environmentOf = (connection: FabricConnection): Record<string, string> => ({
  AWS_ENDPOINT_URL: connection.http,
  AWS_REGION: connection.region,
  AWS_DEFAULT_REGION: connection.region,
  AWS_ACCESS_KEY_ID: connection.accessKeyId,
  AWS_SECRET_ACCESS_KEY: connection.secretAccessKey,
  WEFT_ACCOUNT_ID: connection.accountId,
  WEFT_GRPC: connection.grpc,
  NATS_URL: connection.nats,
  NATS_CREDS: connection.natsCreds,
})

/** For `eval "$(weft env)"`. A session token of another account must not travel along, so it is unset. */
export const shellExports = (connection: FabricConnection): string =>
  [
    'unset AWS_SESSION_TOKEN',
    ...Object.entries(environmentOf(connection)).map(([name, value]) => `export ${name}=${shellQuote(value)}`),
    '',
  ].join('\n')
