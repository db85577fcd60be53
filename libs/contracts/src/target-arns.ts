import { type AccountId, accountId, isAccountId, isRegion } from './ids.ts'
import { isBucketName } from './subjects.ts'

/** A subject of an account to which CloudEvents are sent, and how they are put into messages. */
export interface CloudEventArn {
  readonly region: string
  readonly accountId: AccountId
  readonly mode: 'binary' | 'structured'
  readonly subject: string
}

/** `arn:aws:cloudevents:REGION:ACCOUNT:binary/SUBJECT` or `…:structured/SUBJECT`; undefined for anything else. */
export function parseCloudEventArn(arn: string): CloudEventArn | undefined {
  const [, region = '', account = '', mode, subject = ''] =
    /^arn:aws:cloudevents:([a-z0-9-]+):(\d{12}):(binary|structured)\/([A-Za-z0-9_.-]{1,255})$/.exec(arn) ?? []
  if (!mode || !isRegion(region) || !isAccountId(account) || subject.split('.').includes('')) return undefined
  return { region, accountId: accountId(account), mode: mode as CloudEventArn['mode'], subject }
}

/** `arn:aws:s3:::BUCKET`; undefined for anything else, keys too. Buckets are those of the account that names them. */
export function parseBucketArn(arn: string): string | undefined {
  const bucket = arn.startsWith('arn:aws:s3:::') ? arn.slice('arn:aws:s3:::'.length) : ''
  return isBucketName(bucket) ? bucket : undefined
}

export const bucketArn = (bucket: string): string => `arn:aws:s3:::${bucket}`
