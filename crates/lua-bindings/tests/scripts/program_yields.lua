--= other	normal	false	cannot resume normal coroutine
--= false	cannot close normal coroutine
--= 0
--= 0
--= 0
-- Whoever gave the others a turn cannot be resumed by them.
local main = coroutine.running()
coroutine.spawn(function()
    coroutine.yield()
    print("other", coroutine.status(main), coroutine.resume(main, "forged"))
    print(pcall(coroutine.close, main))
end)
for _ = 1, 3 do print(select("#", coroutine.yield())) end
return 1
