# Adds up orders.

# An order without items; its name and message are what the caller sees.
class EmptyOrder < StandardError; end

# Kept between the calls of one environment.
$calls = 0

def total(event:, context:)
  $calls += 1
  puts "order of #{event['customer']}"
  items = event['items'] || []
  raise EmptyOrder, "the order of #{event['customer']} has no items" if items.empty?

  sleep(event['preparationMs'] / 1000.0) if event['preparationMs']
  {
    customer: event['customer'],
    totalCents: items.sum { |item| item['quantity'] * item['priceCents'] },
    runtime: "ruby #{RUBY_VERSION[/\d+\.\d+/]}",
    requestId: context.aws_request_id,
    function: context.function_name,
    call: $calls
  }
end
