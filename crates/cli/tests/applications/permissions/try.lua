-- The permission that was missing for an operation; or nothing, and what else went wrong.
return function(operation)
    local ok, value, err = pcall(unpack(operation, 3))
    if not ok then err = value end
    if err == nil then return nil, nil end
    if type(err) == "userdata" and err:kind() == errors.PERMISSION_DENIED then return err:details().action, nil end
    return nil, tostring(err)
end
