import { buffer } from 'node:stream/consumers'
import { CreateFunctionCommand, type LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda'
import { ZipFile } from 'yazl'

const mtime = new Date('2024-01-01T00:00:00Z')

/** A zip archive of the given files. */
export async function zip(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = new ZipFile()
  for (const [name, text] of Object.entries(files)) archive.addBuffer(Buffer.from(text), name, { mtime })
  archive.end()
  return buffer(archive.outputStream as NodeJS.ReadableStream)
}

/** Answers with the event; `{ sleepMs }` makes it wait first, `{ print }` writes a line to the log. */
export const echo = `
exports.handler = async (event) => {
  if (event.print) console.log(event.print)
  if (event.sleepMs) await new Promise((resolve) => setTimeout(resolve, event.sleepMs))
  return { echo: event }
}
`

export async function createFunction(
  lambda: LambdaClient,
  FunctionName: string,
  code: string,
  accountId = '000000000000',
): Promise<void> {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: `arn:aws:iam::${accountId}:role/service-role/test`,
      Timeout: 120,
      Code: { ZipFile: await zip({ 'index.js': code }) },
    }),
  )
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60 }, { FunctionName })
}
