--= true	nil
local worker_pid = process.spawn_monitored("app:long_worker", "app:processes")

local ok, err = process.unmonitor(worker_pid)

print(ok, err)
