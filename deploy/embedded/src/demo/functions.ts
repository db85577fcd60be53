import { fileURLToPath } from 'node:url'

/** A function of `examples/` as the main job deploys it. */
export interface ExampleFunction {
  readonly functionName: string
  /** Folder that is zipped as it is. */
  readonly folder: string
  /** The first that the fabric offers is taken. */
  readonly runtimes: readonly string[]
  readonly handler: string
  readonly memoryMb: number
  readonly timeoutSeconds: number
  readonly environment: Readonly<Record<string, string>>
  /** The function runs with this role. */
  readonly role: ExampleRole
}

/** A role that allows what the functions with it do, and no more. */
export interface ExampleRole {
  readonly name: string
  readonly allows: readonly { readonly actions: readonly string[]; readonly resource: string }[]
}

const folderOf = (name: string): string => fileURLToPath(new URL(`../../../../examples/${name}/`, import.meta.url))

const example = (
  name: string,
  rest: Pick<ExampleFunction, 'runtimes' | 'handler'> & Partial<ExampleFunction>,
): ExampleFunction => ({
  functionName: name,
  folder: folderOf(name),
  memoryMb: 256,
  timeoutSeconds: 10,
  environment: {},
  role: plainRole,
  ...rest,
})

/** For those that call nobody back. */
const plainRole: ExampleRole = { name: 'weft-example', allows: [] }

const node = ['nodejs24.x', 'nodejs22.x', 'nodejs20.x']
/** A host has one Python; which one depends on its Debian release. */
const python = ['python3.13', 'python3.11', 'python3.12', 'python3.14', 'python3.10', 'python3.9']

export const ledgerBucket = 'package-ledger'

const bucketArn = `arn:aws:s3:::${ledgerBucket}`

export const exampleFunctions = {
  hello: example('hello', { runtimes: node, handler: 'index.handler' }),
  ledger: example('package-ledger', {
    runtimes: node,
    handler: 'index.handler',
    timeoutSeconds: 30,
    environment: { BUCKET: ledgerBucket },
    role: {
      name: 'weft-example-ledger',
      allows: [
        { actions: ['s3:CreateBucket'], resource: bucketArn },
        { actions: ['s3:PutObject'], resource: `${bucketArn}/*` },
        { actions: ['jetstream:Consume'], resource: 'arn:aws:jetstream:*:*:stream/*' },
      ],
    },
  }),
  report: example('package-report', {
    runtimes: python,
    handler: 'report.handler',
    timeoutSeconds: 60,
    memoryMb: 512,
    environment: { BUCKET: ledgerBucket },
    role: {
      name: 'weft-example-report',
      allows: [
        { actions: ['s3:ListBucket'], resource: bucketArn },
        { actions: ['s3:GetObject'], resource: `${bucketArn}/*` },
      ],
    },
  }),
  audit: example('audit-trail', { runtimes: node, handler: 'index.handler' }),
  facts: example('host-facts', { runtimes: ['provided.al2023'], handler: 'bootstrap' }),
} as const
