import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { startFabric } from '@weft/kit'
import { expect, test } from 'vitest'
import { askIam } from './demo/iam.ts'
import { zipFolder } from './demo/zip-folder.ts'

const signer = fileURLToPath(new URL('../../../examples/package-ledger/sigv4.mjs', import.meta.url))

/** Puts what it is given into a bucket of its account, with the credentials it finds in its environment. */
const handler = `
import { signedHeaders } from './sigv4.mjs'
export const handler = async ({ path }) => {
  const url = new URL(path, process.env.AWS_ENDPOINT_URL)
  const { host, ...headers } = signedHeaders('PUT', url, '', 's3')
  const answer = await fetch(url, { method: 'PUT', headers })
  return { status: answer.status, text: await answer.text() }
}
`

test('a function may do at the doors what its role allows, from the moment it does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-identity-'))
  await writeFile(join(folder, 'index.mjs'), handler)
  await copyFile(signer, join(folder, 'sigv4.mjs'))
  await using fabric = await startFabric()
  const { http, region, accessKeyId, secretAccessKey, accountId } = fabric.connection
  const client = new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey } })
  const RoleName = 'putter'
  const trust = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  })
  await askIam(fabric.connection, 'CreateRole', { RoleName, AssumeRolePolicyDocument: trust })
  const ZipFile = await zipFolder(folder)
  for (const [FunctionName, role] of [
    ['made', RoleName],
    ['made-up', 'nobody-made-this'],
    ['free', 'weft-full-access'],
  ] as const)
    await client.send(
      new CreateFunctionCommand({
        ...{ FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Code: { ZipFile } },
        Role: `arn:aws:iam::${accountId}:role/${role}`,
      }),
    )
  const put = async (FunctionName: string): Promise<{ status: number; text: string }> => {
    const Payload = Buffer.from(JSON.stringify({ path: '/things' }))
    const answer = await client.send(new InvokeCommand({ FunctionName, Payload }))
    expect(answer.FunctionError, Buffer.from(answer.Payload ?? []).toString()).toBeUndefined()
    return JSON.parse(Buffer.from(answer.Payload ?? []).toString())
  }
  expect((await put('made')).text).toContain(
    `User: arn:aws:sts::${accountId}:assumed-role/putter/made is not authorized to perform: s3:CreateBucket on resource: &quot;arn:aws:s3:::things&quot; because no identity-based policy allows the s3:CreateBucket action`,
  )
  expect((await put('made-up')).status).toBe(403)
  expect((await put('free')).status).toBe(200)
  const allow = { Effect: 'Allow', Action: 's3:CreateBucket', Resource: 'arn:aws:s3:::things' }
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [allow] })
  await askIam(fabric.connection, 'PutRolePolicy', { RoleName, PolicyName: 'put', PolicyDocument })
  // One frontend: what it was told it knows at once; the sandbox and its credentials are those from before.
  expect((await put('made')).status).toBe(200)
  await askIam(fabric.connection, 'DeleteRolePolicy', { RoleName, PolicyName: 'put' })
  expect((await put('made')).status).toBe(403)
  client.destroy()
  await rm(folder, { recursive: true })
})
