import { styleText } from 'node:util'
import type { FabricConnection } from '@weft/contracts'

/** Something that was decided at the start, with its reason. */
export interface Choice {
  readonly what: string
  readonly chosen: string
  readonly why: string
}

export interface BannerOptions {
  readonly connection: FabricConnection
  readonly dataDir: string
  readonly choices: readonly Choice[]
  /** Whether the function `hello` exists; the lines for the doors call it. */
  readonly hasHello: boolean
  readonly colours: boolean
}

/**
 * What a newcomer needs to see once the fabric is ready: what was chosen and why, where the credentials are, and a line
 * for each door that works when it is pasted into a shell in the repository.
 */
export function banner({ connection, dataDir, choices, hasHello, colours }: BannerOptions): string {
  const styled = (format: 'bold' | 'dim', text: string): string =>
    colours ? styleText(format, text, { validateStream: false }) : text
  const { http, accountId } = connection
  const columns = (pick: (choice: Choice) => string): number => Math.max(...choices.map((c) => pick(c).length))
  const [whatWidth, chosenWidth] = [columns((c) => c.what), columns((c) => c.chosen)]
  const door = (name: string, line: string): string => `  ${name.padEnd(whatWidth)}  ${line}`
  const aws = `aws --endpoint-url ${http} lambda`
  const role = `arn:aws:iam::${accountId}:role/weft-full-access`
  const createHello = `python3 -m zipfile -c /tmp/hello.zip examples/hello/index.mjs && ${aws} create-function --function-name hello --runtime nodejs24.x --handler index.handler --role ${role} --zip-file fileb:///tmp/hello.zip`
  const payload = `'{"name": "Ada"}'`
  return [
    '',
    styled('bold', 'Weft is ready'),
    '',
    ...choices.map(
      ({ what, chosen, why }) =>
        `  ${what.padEnd(whatWidth)}  ${styled('bold', chosen.padEnd(chosenWidth))}  ${styled('dim', why)}`,
    ),
    '',
    styled('bold', 'Call it from another shell, in this folder'),
    door('first', `eval "$(npx weft env --data-dir ${quoted(dataDir)})"`),
    ...(hasHello ? [] : [door('deploy', createHello)]),
    door(
      'AWS',
      `${aws} invoke --function-name hello --cli-binary-format raw-in-base64-out --payload ${payload} /dev/stdout`,
    ),
    door('gRPC', `npx node examples/grpc-client/client.ts hello ${payload}`),
    door('NATS', `npx node examples/nats-client/client.ts hello ${payload}`),
    door('health', `curl ${http}/readyz`),
    door('accounts', `npx weft --data-dir ${quoted(dataDir)} admin account list`),
    '',
    '',
  ].join('\n')
}

/** Bare where the shell reads it as one word. */
const quoted = (path: string): string => (/^[\w/.@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
