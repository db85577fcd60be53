exports.echo = (request, response) => response.json(request.body)
