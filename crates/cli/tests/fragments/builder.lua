--= 123	ada	first	1
--= 123	nil	first	1
--= 123	nil	first	1
--= 123	nil	first	1
--= true
--= nil	AlreadyExists	name already registered: helper
local spawner = process.with_context({request_id = "123"})

local named = spawner
    :with_context({ user = "ada" })      -- Add context values
    :with_name("helper")                 -- Set process name
    :with_message("first", 1)            -- Queue message to send after spawn

local reports = process.listen("report")
local function show()
    local report = reports:receive()
    print(report.request_id, report.user, report.topic, report.payload)
end

local pid = named:spawn("app:context_worker", "app:processes", process.pid())
show()
process.set_options({ trap_links = true })
-- The spawner itself has not changed.
local plain = spawner:with_message("first", 1)
for _, method in { "spawn_monitored", "spawn_linked", "spawn_linked_monitored" } do
    plain[method](plain, "app:context_worker", "app:processes", process.pid())
    show()
end
print(process.registry.lookup("helper") == pid)
local again, err = named:spawn("app:context_worker", "app:processes", process.pid())
print(again, err:kind(), err)
