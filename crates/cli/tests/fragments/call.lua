--= 20	nil
--= nil	worker failed
--= nil	Invalid	call requires at least id and host arguments
local id, host = "app:task_worker", "app:processes"
local result, err = process.call(id, host, { value = 10 })
print(result, err)

result, err = process.call("app:events_exit_worker", host)
print(result, err)
result, err = process.call(id)
print(result, err:kind(), err)
