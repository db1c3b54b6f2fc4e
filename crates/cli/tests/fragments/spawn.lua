--= Started worker:	{app:processes|…}
local pid, err = process.spawn("app:echo_worker", "app:processes", "hello")
if err then
    return false, "spawn failed: " .. err
end

-- pid is a string identifier for the spawned process
print("Started worker:", pid)
