--= true	app:upgrading_worker	app:upgraded_worker	2
local worker = process.spawn_monitored("app:upgrading_worker", "app:processes", { round = 0 })
local event = process.events():receive()
local result = event.result.value
print(event.from == worker, result.before, result.after, result.round)
