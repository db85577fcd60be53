import { expect, it } from 'vitest'
import { stsDoor } from './sts.ts'
import { doorRequest } from './testing.ts'

const ask = async (extra: Parameters<typeof doorRequest>[0]) => {
  const response = await stsDoor.handle(doorRequest(extra))
  return [response.status, String(response.body)] as const
}

it('tells the caller who it is', async () => {
  const [status, text] = await ask({ method: 'POST', body: Buffer.from('Action=GetCallerIdentity&Version=2011-06-15') })
  expect(status).toBe(200)
  expect(text).toContain(
    '<Arn>arn:aws:iam::000000000000:root</Arn><UserId>000000000000</UserId><Account>000000000000</Account>',
  )
  expect((await ask({ rawQuery: 'Action=GetCallerIdentity' }))[0]).toBe(200)
})

it('refuses other actions', async () => {
  for (const body of ['', 'Action=AssumeRole', 'Action=%3Cx%3E&Action=GetCallerIdentity']) {
    const [status, text] = await ask({ method: 'POST', body: Buffer.from(body) })
    expect(status).toBe(400)
    expect(text).toContain('<Code>InvalidAction</Code>')
    expect(text).not.toContain('<x>')
  }
})
