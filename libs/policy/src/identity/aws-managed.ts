import { createHash } from 'node:crypto'

/**
 * Policies that AWS keeps and that people attach to roles of functions, by the part of their ARN after `policy/`. AWS
 * managed policy reference; statements about services that this fabric does not have are kept where they are short, so that
 * a document reads as it does there.
 */
type Statements = readonly (readonly [actions: string | readonly string[], resources?: string | readonly string[]])[]

const logs = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents']
const networkInterfaces = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
]

const allows: Readonly<Record<string, Statements>> = {
  AdministratorAccess: [['*']],
  IAMFullAccess: [[['iam:*', 'organizations:DescribeAccount', 'organizations:ListPolicies']]],
  IAMReadOnlyAccess: [[['iam:GenerateCredentialReport', 'iam:Get*', 'iam:List*', 'iam:Simulate*']]],
  AmazonS3FullAccess: [[['s3:*', 's3-object-lambda:*']]],
  AmazonS3ReadOnlyAccess: [
    [['s3:Get*', 's3:List*', 's3:Describe*', 's3-object-lambda:Get*', 's3-object-lambda:List*']],
  ],
  AWSLambda_FullAccess: [
    [
      [
        'cloudformation:DescribeStacks',
        'cloudformation:ListStackResources',
        'cloudwatch:ListMetrics',
        'cloudwatch:GetMetricData',
        'ec2:DescribeSecurityGroups',
        'ec2:DescribeSubnets',
        'ec2:DescribeVpcs',
        'kms:ListAliases',
        'iam:GetPolicy',
        'iam:GetPolicyVersion',
        'iam:GetRole',
        'iam:GetRolePolicy',
        'iam:ListAttachedRolePolicies',
        'iam:ListRolePolicies',
        'iam:ListRoles',
        'lambda:*',
        'logs:DescribeLogGroups',
        'states:DescribeStateMachine',
        'states:ListStateMachines',
        'tag:GetResources',
        'xray:GetTraceSummaries',
        'xray:BatchGetTraces',
      ],
    ],
    [
      [
        'logs:DescribeLogStreams',
        'logs:GetLogEvents',
        'logs:FilterLogEvents',
        'logs:StartLiveTail',
        'logs:StopLiveTail',
      ],
      'arn:aws:logs:*:*:log-group:/aws/lambda/*',
    ],
  ],
  AWSLambda_ReadOnlyAccess: [
    [
      [
        'iam:GetPolicy',
        'iam:GetPolicyVersion',
        'iam:GetRole',
        'iam:GetRolePolicy',
        'iam:ListAttachedRolePolicies',
        'iam:ListRolePolicies',
        'iam:ListRoles',
        'lambda:Get*',
        'lambda:List*',
        'logs:DescribeLogGroups',
      ],
    ],
    [
      ['logs:DescribeLogStreams', 'logs:GetLogEvents', 'logs:FilterLogEvents'],
      'arn:aws:logs:*:*:log-group:/aws/lambda/*',
    ],
  ],
  AWSLambdaExecute: [
    ['logs:*', 'arn:aws:logs:*:*:*'],
    [['s3:GetObject', 's3:PutObject'], 'arn:aws:s3:::*'],
  ],
  'service-role/AWSLambdaRole': [['lambda:InvokeFunction']],
  'service-role/AWSLambdaBasicExecutionRole': [[logs]],
  'service-role/AWSLambdaVPCAccessExecutionRole': [[[...logs, ...networkInterfaces]]],
  'service-role/AWSLambdaENIManagementAccess': [[networkInterfaces]],
  'service-role/AWSLambdaKinesisExecutionRole': [
    [
      [
        'kinesis:DescribeStream',
        'kinesis:DescribeStreamSummary',
        'kinesis:GetRecords',
        'kinesis:GetShardIterator',
        'kinesis:ListShards',
        'kinesis:ListStreams',
        'kinesis:SubscribeToShard',
        ...logs,
      ],
    ],
  ],
  'service-role/AWSLambdaDynamoDBExecutionRole': [
    [['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams', ...logs]],
  ],
  'service-role/AWSLambdaSQSQueueExecutionRole': [
    [['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', ...logs]],
  ],
  'service-role/AWSLambdaMSKExecutionRole': [
    [
      [
        'kafka:DescribeCluster',
        'kafka:DescribeClusterV2',
        'kafka:GetBootstrapBrokers',
        'ec2:CreateNetworkInterface',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeVpcs',
        'ec2:DeleteNetworkInterface',
        'ec2:DescribeSubnets',
        'ec2:DescribeSecurityGroups',
        ...logs,
      ],
    ],
  ],
  CloudWatchLambdaInsightsExecutionRolePolicy: [
    ['logs:CreateLogGroup'],
    [['logs:CreateLogStream', 'logs:PutLogEvents'], 'arn:aws:logs:*:*:log-group:/aws/lambda-insights:*'],
  ],
  CloudWatchLogsFullAccess: [[['logs:*', 'cloudwatch:GenerateQuery']]],
  CloudWatchLogsReadOnlyAccess: [
    [
      [
        'logs:Describe*',
        'logs:Get*',
        'logs:List*',
        'logs:StartQuery',
        'logs:StopQuery',
        'logs:TestMetricFilter',
        'logs:FilterLogEvents',
        'logs:StartLiveTail',
        'logs:StopLiveTail',
      ],
    ],
  ],
  AWSXRayDaemonWriteAccess: [
    [
      [
        'xray:PutTraceSegments',
        'xray:PutTelemetryRecords',
        'xray:GetSamplingRules',
        'xray:GetSamplingTargets',
        'xray:GetSamplingStatisticSummaries',
      ],
    ],
  ],
  AWSXrayWriteOnlyAccess: [
    [
      [
        'xray:PutTraceSegments',
        'xray:PutTelemetryRecords',
        'xray:GetSamplingRules',
        'xray:GetSamplingTargets',
        'xray:GetSamplingStatisticSummaries',
      ],
    ],
  ],
  AmazonAPIGatewayInvokeFullAccess: [
    [['execute-api:Invoke', 'execute-api:ManageConnections'], 'arn:aws:execute-api:*:*:*'],
  ],
  AmazonSESFullAccess: [['ses:*']],
  AmazonSSMReadOnlyAccess: [[['ssm:Describe*', 'ssm:Get*', 'ssm:List*']]],
  AmazonSQSFullAccess: [['sqs:*']],
  AmazonSQSReadOnlyAccess: [
    [['sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:ListDeadLetterSourceQueues', 'sqs:ListQueues']],
  ],
  AmazonSNSFullAccess: [['sns:*']],
  AmazonKinesisFullAccess: [['kinesis:*']],
  AmazonKinesisReadOnlyAccess: [[['kinesis:Get*', 'kinesis:List*', 'kinesis:Describe*']]],
  AmazonDynamoDBFullAccess: [['dynamodb:*']],
  AmazonDynamoDBReadOnlyAccess: [
    [
      [
        'dynamodb:BatchGetItem',
        'dynamodb:Describe*',
        'dynamodb:List*',
        'dynamodb:GetItem',
        'dynamodb:Query',
        'dynamodb:Scan',
      ],
    ],
  ],
}

const prefix = 'arn:aws:iam::aws:policy/'
/** When the first of them were made; tools show it, none decides by it. */
const createdAtMs = Date.parse('2015-02-06T18:39:46Z')

export interface AwsManagedPolicy {
  readonly arn: string
  readonly name: string
  /** `/` or `/service-role/`. */
  readonly path: string
  readonly id: string
  readonly document: string
  readonly createdAtMs: number
}

function describe([key, statements]: [string, Statements]): AwsManagedPolicy {
  const name = key.slice(key.lastIndexOf('/') + 1)
  return {
    arn: `${prefix}${key}`,
    name,
    path: `/${key.slice(0, key.length - name.length)}`,
    id: `ANPA${idOf(key)}`,
    createdAtMs,
    document: JSON.stringify({
      Version: '2012-10-17',
      Statement: statements.map(([Action, Resource = '*']) => ({ Effect: 'Allow', Action, Resource })),
    }),
  }
}

/** 17 characters, always the same for a policy. */
const idOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 17).toUpperCase()

const byArn = new Map(
  Object.entries(allows)
    .map((entry) => describe(entry))
    .map((one) => [one.arn, one]),
)

export const awsManagedPolicy = (arn: string): AwsManagedPolicy | undefined => byArn.get(arn)
export const awsManagedPolicies = (): readonly AwsManagedPolicy[] => [...byArn.values()]
