import type { Broker } from './broker-book.ts'

/** What every client of the AWS SDK gets; without keys the SDK finds credentials as it does anywhere. */
export const awsClientOptions = ({ url, accessKeyId, secretAccessKey }: Broker, region: string) => ({
  region,
  ...(url !== undefined && { endpoint: url }),
  ...(accessKeyId !== undefined && secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
})
