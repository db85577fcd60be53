import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestFabric } from '@weft/kit'
import { zipFolder } from '../demo/zip-folder.ts'

const run = promisify(execFile)

/** The AWS CLI as Debian packages it, with the root keys of a fabric's first account. `dir`: for its files. */
export function awsCli({ connection }: Pick<TestFabric, 'connection'>, dir: string) {
  async function text(...args: string[]): Promise<string> {
    const { http, accessKeyId, secretAccessKey } = connection
    const env = {
      ...{ PATH: process.env.PATH, HOME: dir, AWS_DEFAULT_REGION: 'us-east-1', AWS_PAGER: '', AWS_MAX_ATTEMPTS: '1' },
      ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, LC_ALL: 'C.UTF-8' },
    }
    const { stdout } = await run('/usr/bin/aws', ['--endpoint-url', http, '--output', 'json', ...args], { env })
    return stdout
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of many operations, looked at by the tests
  async function aws(...args: string[]): Promise<any> {
    const answer = await text(...args)
    return answer.trim() === '' ? {} : JSON.parse(answer)
  }

  /** The interpreter that the CLI runs in, with the SDK below it. */
  const python = async (...args: string[]): Promise<string> => (await run('/usr/bin/python3', args)).stdout

  /** What a call that shall fail says; `done` when it does not. */
  const refused = (...args: string[]): Promise<string> =>
    aws(...args).then(
      () => 'done',
      (error: { readonly stderr: string }) => error.stderr.trim(),
    )

  /** Makes functions that log each event they get, behind `got`. */
  async function createTellers(...names: string[]): Promise<void> {
    const code = join(dir, 'code')
    mkdirSync(code)
    writeFileSync(
      join(code, 'index.mjs'),
      'export const handler = async (e) => console.log("got", JSON.stringify(e))\n',
    )
    writeFileSync(join(dir, 'tell.zip'), await zipFolder(code))
    for (const name of names)
      await aws(
        ...['lambda', 'create-function', '--function-name', name, '--runtime', 'nodejs24.x'],
        ...['--handler', 'index.handler', '--role', 'arn:aws:iam::000000000000:role/tell'],
        ...['--zip-file', `fileb://${dir}/tell.zip`],
      )
  }

  /** Events that such a function has got so far. */
  async function told(name: string): Promise<unknown[]> {
    const args = ['--log-group-name', `/aws/lambda/${name}`, '--filter-pattern', 'got']
    const found = await aws('logs', 'filter-log-events', ...args).catch((error: Error) => {
      // There is no log group before the first line.
      if (error.message.includes('ResourceNotFoundException')) return { events: [] }
      throw error
    })
    return found.events.map(({ message }: { readonly message: string }) =>
      JSON.parse(message.slice(message.indexOf('got ') + 4)),
    )
  }

  const permit = (name: string, service: string, sourceArn: string) =>
    aws(
      ...['lambda', 'add-permission', '--function-name', name, '--statement-id', service.replaceAll('.', '-')],
      ...['--action', 'lambda:InvokeFunction', '--principal', service, '--source-arn', sourceArn],
    )

  return { aws, text, python, refused, createTellers, told, permit }
}
