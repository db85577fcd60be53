# Over the base image of AWS, which brings Node.js and its runtime client.
FROM public.ecr.aws/lambda/nodejs:24
COPY index.mjs ${LAMBDA_TASK_ROOT}/
CMD ["index.handler"]
